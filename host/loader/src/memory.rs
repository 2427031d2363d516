//! Memory that was needed for a moment goes back to the system.

/// From this size on memory is the system's again as soon as it is free: 1 MiB.
#[cfg(target_env = "gnu")]
const LARGE: i32 = 1024 * 1024;

/// Has large memory given back when it is free, in this process and everything that it loads. For the beginning of a
/// program that reloads plugins: their files are read as a whole, and without this each thread that has read one keeps the
/// room for the next, which may be tens of megabytes.
pub fn return_large_memory() {
    #[cfg(target_env = "gnu")]
    {
        /// Its name in glibc is `M_MMAP_THRESHOLD`.
        const MAPPED_FROM: i32 = -3;
        unsafe extern "C" {
            fn mallopt(parameter: i32, value: i32) -> i32;
        }
        // SAFETY: the parameter and its value are those of glibc, which takes its own locks. What it answers does not
        // matter: without it the program only takes more memory.
        unsafe { mallopt(MAPPED_FROM, LARGE) };
    }
}

/// Gives back what is free now. For behind a start, which reads and compares what all plugins say of themselves, and needs little of
/// that ever after. Takes about a millisecond.
pub fn return_free_memory() {
    #[cfg(target_env = "gnu")]
    {
        unsafe extern "C" {
            fn malloc_trim(pad: usize) -> i32;
        }
        // SAFETY: glibc takes its own locks, and gives back only what nobody has. What it answers does not matter.
        unsafe { malloc_trim(0) };
    }
}
