//! gavel: replay, inspect, control.
