//! the agents and assemble().
