//! Filter links over a lane. Such a link returns a change, not a value: what it does not know stays as it was.

use std::mem::MaybeUninit;
use std::sync::Arc;

use transom_plugin_api::abi::document::Encoded;
use transom_plugin_api::abi::host_table::FailurePlace;
use transom_plugin_api::abi::task::{AbiWaker, RawTask};
use transom_plugin_api::abi::{READY, Step};
use transom_plugin_api::sabotage::sabotaged;
use transom_plugin_api::{CallContext, CallError};

use super::change::{carry, is_same};
use super::delivery::{Delivery, after};
use super::lane::{Lane, Traffic, blame};
use super::place::Place;
use crate::bus::fail;
use crate::table::Contribution;

/// Starts a link.
///
/// # Safety
/// As `AsyncHandler::start`, with the types of the lane's outer side; value and output have one place.
pub(super) unsafe extern "C" fn start(
    state: *const (),
    value: *mut (),
    context: *const CallContext,
    out: *mut (),
    failure: FailurePlace,
    waker: *const AbiWaker,
    pending: *mut MaybeUninit<RawTask>,
) -> Step {
    // SAFETY: the state is a lane's; the value is of its outer type and moves over.
    let (lane, linked) = unsafe {
        let lane = &*state.cast::<Lane>();
        (lane, Linked::begin(lane, value))
    };
    let handler = lane.inner.asynchronous().ok_or_else(|| CallError::failed("the lane leads to no link"));
    let (mut linked, handler) = match linked.and_then(|linked| Ok((linked, handler?))) {
        Ok(ready) => ready,
        // SAFETY: a free place.
        Err(error) => return unsafe { fail(failure, lane.blame(error)) },
    };
    let place = linked.value.address();
    let mut task = MaybeUninit::uninit();
    linked.value.empty();
    // SAFETY: the value is of the link's type; it takes it over and leaves one there when it is ready.
    let step =
        unsafe { (handler.start)(handler.state, place, context, place, failure, waker, &raw mut task) };
    // SAFETY: the step is the handler's; the places are the caller's.
    unsafe { after(linked, step, task, out, failure, pending) }
}

/// A link that runs, and what its change is measured against.
struct Linked {
    link: Arc<Contribution>,
    /// The value as it came; `None` once it was given back.
    original: Option<Place>,
    original_document: Encoded,
    /// What the link was given, in its own words.
    given: Encoded,
    /// Where the link's value is.
    value: Place,
    traffic: Arc<Traffic>,
}

impl Linked {
    /// # Safety
    /// `value` holds a value of the lane's outer type, which moves over.
    unsafe fn begin(lane: &Lane, value: *mut ()) -> Result<Self, CallError> {
        let began = lane.traffic.begin();
        // SAFETY: by this function's contract.
        let original = unsafe { Place::taken(lane.outer.input, value) };
        let original_document = original.encoded()?;
        let value = Place::decoded(lane.own.input, &original_document)?;
        let given = value.encoded()?;
        lane.traffic.end(began, original_document.len());
        Ok(Self {
            link: Arc::clone(&lane.inner),
            original: Some(original),
            original_document,
            given,
            value,
            traffic: Arc::clone(&lane.traffic),
        })
    }

    /// Carries the change over to the original; answers how many bytes the link's value has as a document.
    ///
    /// # Safety
    /// As [`Delivery::deliver`].
    unsafe fn carry_over(&mut self, out: *mut ()) -> Result<usize, CallError> {
        let Some(original) = self.original.take() else {
            return Err(CallError::failed("the link has ended"));
        };
        let returned = self.value.encoded()?;
        let bytes = returned.len();
        if returned == self.given {
            // SAFETY: by this function's contract.
            unsafe { original.give(out) };
            return Ok(bytes);
        }
        if sabotaged("return-a-value") {
            // SAFETY: by this function's contract.
            return unsafe { super::place::decode(original.of(), &returned, out) }.map(|()| bytes);
        }
        let changed = carry(&self.original_document, &self.given, &returned)
            .map_err(|unplaceable| CallError::failed(unplaceable.to_string()))?;
        let changed_value = Place::decoded(*original.of(), &changed)?;
        // What the applier does not know would be lost without a word.
        if !is_same(&changed, &changed_value.encoded()?) {
            return Err(CallError::failed(
                "the link set a field that the filter's own contract does not have",
            ));
        }
        // SAFETY: by this function's contract.
        unsafe { changed_value.give(out) };
        Ok(bytes)
    }
}

impl Delivery for Linked {
    fn place(&self) -> *mut () {
        self.value.address()
    }

    unsafe fn deliver(&mut self, out: *mut (), failure: FailurePlace) -> Step {
        let began = self.traffic.begin();
        // SAFETY: by this function's contract.
        let carried = unsafe {
            self.value.fill();
            self.carry_over(out)
        };
        self.traffic.end(began, *carried.as_ref().unwrap_or(&0));
        match carried {
            Ok(_) => READY,
            // SAFETY: a free place.
            Err(error) => unsafe { fail(failure, blame(&self.link, error)) },
        }
    }
}
