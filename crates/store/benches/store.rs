//! What keeping costs.

fn main() {}
