//! Rust source, taken apart just enough for the house rules: what is code, what is comment, what is
//! in quotes, and which lines are tests.
//!
//! Inputs -> outputs: text -> two texts of the same lines and columns, in which everything that is
//! not code (or not comment) is blank.
//! Invariants: line and column of anything kept are those of the original.
//! Limits: a lexer, not a parser: macros that build items from pieces are seen as they are written.
//! Not here: any rule.

/// One file, taken apart.
#[derive(Clone, Debug)]
pub(crate) struct Source {
    /// Code; comments and the insides of quotes are blank.
    pub(crate) code: String,
    /// Comments; everything else is blank.
    pub(crate) comments: String,
    /// For each line: is it in an item under `#[cfg(test)]`?
    pub(crate) is_test: Vec<bool>,
}

/// A word or mark of the code, and where it stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Token<'a> {
    /// An identifier or number as a whole, or one mark.
    pub(crate) text: &'a str,
    /// From 1.
    pub(crate) line: usize,
}

impl Source {
    /// Takes a file apart.
    pub(crate) fn new(text: &str) -> Self {
        let mut lexer = Lexer::new(text);
        lexer.run();
        let is_test = test_lines(&lexer.code);
        Self { code: lexer.code, comments: lexer.comments, is_test }
    }

    /// The code's words and marks.
    pub(crate) fn tokens(&self) -> Vec<Token<'_>> {
        tokens(&self.code)
    }

    /// True if the line (from 1) belongs to a test.
    pub(crate) fn in_test(&self, line: usize) -> bool {
        self.is_test.get(line - 1).copied().unwrap_or(false)
    }

    /// Names of the modules that exist only under test and live in files of their own.
    pub(crate) fn test_modules(&self) -> Vec<String> {
        let tokens = self.tokens();
        let modules = tokens.windows(3).filter(|window| {
            window[0].text == "mod" && window[2].text == ";" && self.in_test(window[0].line)
        });
        modules.map(|window| window[1].text.to_owned()).collect()
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Code,
    Comment,
    Quoted,
}

struct Lexer {
    chars: Vec<char>,
    at: usize,
    code: String,
    comments: String,
}

impl Lexer {
    fn new(text: &str) -> Self {
        let chars = text.chars().collect();
        let room = text.len();
        Self {
            chars,
            at: 0,
            code: String::with_capacity(room),
            comments: String::with_capacity(room),
        }
    }

    fn run(&mut self) {
        while let Some(c) = self.look(0) {
            match c {
                '/' if self.look(1) == Some('/') => self.line_comment(),
                '/' if self.look(1) == Some('*') => self.block_comment(),
                '"' => self.string(),
                '\'' => self.char_or_lifetime(),
                c if c.is_alphabetic() || c == '_' => self.word(),
                _ => self.take(Kind::Code),
            }
        }
    }

    fn look(&self, ahead: usize) -> Option<char> {
        self.chars.get(self.at + ahead).copied()
    }

    fn take(&mut self, kind: Kind) {
        let Some(c) = self.look(0) else { return };
        let shown = |wanted: Kind| if c == '\n' || kind == wanted { c } else { ' ' };
        self.code.push(shown(Kind::Code));
        self.comments.push(shown(Kind::Comment));
        self.at += 1;
    }

    fn line_comment(&mut self) {
        while self.look(0).is_some_and(|c| c != '\n') {
            self.take(Kind::Comment);
        }
    }

    fn block_comment(&mut self) {
        let mut depth = 0;
        while self.at < self.chars.len() {
            match (self.look(0), self.look(1)) {
                (Some('/'), Some('*')) => depth += 1,
                (Some('*'), Some('/')) => depth -= 1,
                _ => {
                    self.take(Kind::Comment);
                    continue;
                }
            }
            self.take(Kind::Comment);
            self.take(Kind::Comment);
            if depth == 0 {
                return;
            }
        }
    }

    fn string(&mut self) {
        self.take(Kind::Code);
        while let Some(c) = self.look(0) {
            match c {
                '\\' => {
                    self.take(Kind::Quoted);
                    self.take(Kind::Quoted);
                }
                '"' => return self.take(Kind::Code),
                _ => self.take(Kind::Quoted),
            }
        }
    }

    /// Stands behind the `r` of a raw string, on its first `#` or quote.
    fn raw_string(&mut self, hashes: usize) {
        for _ in 0..=hashes {
            self.take(Kind::Code);
        }
        while let Some(c) = self.look(0) {
            if c == '"' && (1..=hashes).all(|ahead| self.look(ahead) == Some('#')) {
                for _ in 0..=hashes {
                    self.take(Kind::Code);
                }
                return;
            }
            self.take(Kind::Quoted);
        }
    }

    fn char_or_lifetime(&mut self) {
        let is_char = self.look(1) == Some('\\') || self.look(2) == Some('\'');
        self.take(Kind::Code);
        if !is_char {
            return;
        }
        if self.look(0) == Some('\\') {
            self.take(Kind::Quoted);
        }
        self.take(Kind::Quoted);
        while self.look(0).is_some_and(|c| c != '\'' && c != '\n') {
            self.take(Kind::Quoted);
        }
        self.take(Kind::Code);
    }

    fn word(&mut self) {
        let start = self.at;
        while self.look(0).is_some_and(|c| c.is_alphanumeric() || c == '_') {
            self.take(Kind::Code);
        }
        let word: String = self.chars[start..self.at].iter().collect();
        if matches!(word.as_str(), "r" | "br" | "cr") {
            let hashes = self.chars[self.at..].iter().take_while(|c| **c == '#').count();
            if self.look(hashes) == Some('"') {
                self.raw_string(hashes);
            }
        }
    }
}

fn tokens(code: &str) -> Vec<Token<'_>> {
    let mut tokens = Vec::new();
    for (number, line) in code.lines().enumerate() {
        let mut rest = line.trim_start();
        while let Some(first) = rest.chars().next() {
            let is_word = |c: char| c.is_alphanumeric() || c == '_';
            let length = match is_word(first) {
                true => rest.find(|c| !is_word(c)).unwrap_or(rest.len()),
                false => first.len_utf8(),
            };
            tokens.push(Token { text: &rest[..length], line: number + 1 });
            rest = rest[length..].trim_start();
        }
    }
    tokens
}

/// Marks the lines of every item under `#[cfg(test)]`, from the attribute to the closing brace or
/// semicolon; of the whole file under `#![cfg(test)]`.
fn test_lines(code: &str) -> Vec<bool> {
    let tokens = tokens(code);
    let mut is_test = vec![false; code.lines().count()];
    let mut at = 0;
    while at < tokens.len() {
        let Some((inner, end)) = test_attribute(&tokens, at) else {
            at += 1;
            continue;
        };
        if inner {
            is_test.fill(true);
            return is_test;
        }
        let close = item_end(&tokens, end);
        let last = tokens.get(close).map_or(is_test.len(), |token| token.line);
        is_test[tokens[at].line - 1..last].fill(true);
        at = close + 1;
    }
    is_test
}

/// If `#[cfg(test)]` or `#![cfg(test)]` begins at `at`: is it the inner form, and what follows it.
fn test_attribute(tokens: &[Token<'_>], at: usize) -> Option<(bool, usize)> {
    let text = |ahead: usize| tokens.get(at + ahead).map_or("", |token| token.text);
    if text(0) != "#" {
        return None;
    }
    let inner = usize::from(text(1) == "!");
    let expected = ["[", "cfg", "(", "test", ")", "]"];
    let matches = expected.iter().enumerate().all(|(i, wanted)| text(1 + inner + i) == *wanted);
    matches.then_some((inner == 1, at + 1 + inner + expected.len()))
}

/// The token that ends the item that begins at `at`.
fn item_end(tokens: &[Token<'_>], at: usize) -> usize {
    let mut depth = 0_usize;
    let mut is_open = false;
    for (i, token) in tokens.iter().enumerate().skip(at) {
        match token.text {
            "{" | "(" | "[" => {
                depth += 1;
                is_open |= token.text == "{" && depth == 1;
            }
            "}" | ")" | "]" => {
                depth = depth.saturating_sub(1);
                if depth == 0 && is_open && token.text == "}" {
                    return i;
                }
            }
            ";" if depth == 0 => return i,
            _ => {}
        }
    }
    tokens.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quotes_and_comments_are_not_code() {
        let text = "let a = \"x // y\"; // z\nlet b = r#\"q \" w\"#; /* u /* v */ */ c('\"', 'e')";
        let source = Source::new(text);
        assert_eq!(source.code.lines().count(), 2);
        for gone in ["x", "y", "z", "q", "w", "u", "v", "e("] {
            let found = source.tokens().iter().any(|token| token.text == gone);
            assert!(!found, "{gone} is not code:\n{}", source.code);
        }
        assert!(source.tokens().iter().any(|token| token.text == "c" && token.line == 2));
        assert_eq!(source.comments.trim_start().lines().next(), Some("// z"));
    }

    #[test]
    fn columns_are_kept() {
        let text = "let ä = \"ö\"; // ü end\n";
        let source = Source::new(text);
        let comment = source.comments.chars().position(|c| c == '/');
        assert_eq!(comment, text.chars().position(|c| c == '/'));
    }

    #[test]
    fn lifetimes_do_not_open_quotes() {
        let source = Source::new("fn f<'a>(x: &'a str) -> &'a str { x } // end 'b'");
        assert!(source.code.contains("&'a str { x }"));
        let escaped = Source::new(r"let q = '\''; let u = '\u{1F600}'; real()");
        assert!(escaped.code.ends_with("real()"), "{}", escaped.code);
        assert!(!escaped.code.contains("1F600"));
    }

    #[test]
    fn test_items_are_known_by_their_lines() {
        let text = "fn a() {}\n#[cfg(test)]\nmod tests {\n    fn b() { { } }\n}\nfn c() {}\n\
                    #[cfg(test)]\nmod far;\nfn d() {}\n";
        let source = Source::new(text);
        let expected = [false, true, true, true, true, false, true, true, false];
        assert_eq!(source.is_test, expected);
        assert_eq!(source.test_modules(), ["far"]);
        assert!(Source::new("#![cfg(test)]\nfn a() {}\n").in_test(2));
    }

    #[test]
    fn code_that_exists_outside_tests_too_is_no_test() {
        let source = Source::new("#[cfg(any(test, feature = \"sim\"))]\nmod memory {\n}\n");
        assert!(!source.in_test(2));
    }
}
