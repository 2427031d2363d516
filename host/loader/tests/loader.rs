//! What the loader makes of files: of one plugin's, changed in thousands of ways.

mod loader {
    mod campaign;
    mod errors;
    mod mutation;
    mod original;
    mod random;
}
