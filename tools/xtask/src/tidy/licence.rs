//! Licence expressions, as Cargo.toml files carry them.
//!
//! Inputs -> outputs: an expression, a list of licences -> may it be used under one of them?
//! Limits: AND, OR, WITH and parentheses; the old `A/B` means OR. Anything else is refused.
//! Source: the SPDX specification, annex D.

/// True if what the expression asks for is on the list.
pub(super) fn is_allowed(expression: &str, allowed: &[String]) -> bool {
    let spaced = expression.replace('(', " ( ").replace(')', " ) ").replace('/', " OR ");
    let words: Vec<_> = spaced.split_whitespace().collect();
    let mut parser = Parser { words: &words, at: 0, allowed };
    let answer = parser.any();
    answer == Some(true) && parser.at == words.len()
}

struct Parser<'a> {
    words: &'a [&'a str],
    at: usize,
    allowed: &'a [String],
}

impl Parser<'_> {
    fn eat(&mut self, word: &str) -> bool {
        let found = self.words.get(self.at).is_some_and(|next| next.eq_ignore_ascii_case(word));
        self.at += usize::from(found);
        found
    }

    fn any(&mut self) -> Option<bool> {
        let mut answer = self.all()?;
        while self.eat("OR") {
            answer |= self.all()?;
        }
        Some(answer)
    }

    fn all(&mut self) -> Option<bool> {
        let mut answer = self.one()?;
        while self.eat("AND") {
            answer &= self.one()?;
        }
        Some(answer)
    }

    fn one(&mut self) -> Option<bool> {
        if self.eat("(") {
            let answer = self.any()?;
            return self.eat(")").then_some(answer);
        }
        let word = *self.words.get(self.at)?;
        let is_name = !matches!(word, ")" | "OR" | "AND" | "WITH");
        self.at += 1;
        let mut name = is_name.then(|| word.to_owned())?;
        if self.eat("WITH") {
            name = format!("{name} WITH {}", self.words.get(self.at)?);
            self.at += 1;
        }
        Some(self.allowed.contains(&name))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn allowed(expression: &str) -> bool {
        let list = ["MIT", "Apache-2.0", "Apache-2.0 WITH LLVM-exception", "Unicode-3.0"];
        is_allowed(expression, &list.map(str::to_owned))
    }

    #[test]
    fn one_way_in_is_enough_for_or_and_all_are_needed_for_and() {
        assert!(allowed("MIT"));
        assert!(allowed("GPL-3.0 OR MIT"));
        assert!(allowed("Unlicense/MIT"));
        assert!(!allowed("MIT AND GPL-3.0"));
        assert!(allowed("(MIT OR GPL-3.0) AND Unicode-3.0"));
        assert!(!allowed("(MIT OR Apache-2.0) AND LGPL-2.1"));
        assert!(allowed("GPL-3.0 AND LGPL-2.1 OR MIT"), "AND binds closer");
        assert!(allowed("Apache-2.0 WITH LLVM-exception"));
        assert!(!allowed("MIT WITH Other-exception"));
    }

    #[test]
    fn what_cannot_be_read_is_refused() {
        for broken in ["", "OR", "MIT OR", "(MIT", "MIT)", "MIT Apache-2.0", "MIT WITH"] {
            assert!(!allowed(broken), "{broken:?}");
        }
    }
}
