//! What a stranger's bytes may do to each reader of ours: nothing. A target reads an input as the
//! daemon does and asserts what must hold of the result; inputs are a kept corpus
//! (`daemon/corpus/<target>/`) and changes of it by the dice.
//!
//! The ordinary tests replay the corpus and a fixed handful of changes. `cargo xtask fuzz` goes on
//! for as long as one likes and keeps what broke something in the corpus.

mod changes;
mod targets;
mod tests;
