//! The form of a line and how one is bound to the next.
