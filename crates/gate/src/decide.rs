//! Reading, gathering and judging one call: at most three rounds of questions and facts.
