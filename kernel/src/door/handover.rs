//! The C functions for what one generation leaves to the next.

use std::os::fd::IntoRawFd;

use transom_plugin_api::abi::document::Encoded;
use transom_plugin_api::abi::host_table::{FailurePlace, TaskMaker};
use transom_plugin_api::abi::{READY, RStr, Step};

use super::seat_of;
use crate::bus::fail;

pub(super) unsafe extern "C" fn on_hand_over(seat: *const (), maker: TaskMaker) {
    // SAFETY: held seat.
    unsafe { seat_of(seat) }.on_hand_over(maker);
}

pub(super) unsafe extern "C" fn on_drain(seat: *const (), maker: TaskMaker) {
    // SAFETY: held seat.
    unsafe { seat_of(seat) }.on_drain(maker);
}

pub(super) unsafe extern "C" fn handed_over(seat: *const ()) -> Encoded {
    // SAFETY: held seat.
    unsafe { seat_of(seat) }.take_inheritance()
}

pub(super) unsafe extern "C" fn listen(
    seat: *const (),
    address: RStr<'_>,
    descriptor: *mut i32,
    failure: FailurePlace,
) -> Step {
    // SAFETY: held seat; the places are the caller's.
    unsafe {
        let seat = seat_of(seat);
        match seat.shared.lend(seat, address.as_str()) {
            Ok(socket) => {
                descriptor.write(socket.into_raw_fd());
                READY
            }
            Err(error) => fail(failure, error),
        }
    }
}
