//! one door for developers.
