//! Tables as blocks of code.
