//! Machine #1: order books and matching, fast and naive.
