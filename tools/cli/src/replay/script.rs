//! Scripts and book files: recorded days as commands, with what the exchange made of them.
//!
//! ```text
//! N,id,side,px,qty,tag         limit, good till cancel; must not trade
//! X,id,side,px,qty,tag,FILLS   limit, immediate or cancel; trades exactly FILLS, nothing left
//! M,id,side,px,qty,tag,FILLS   limit; trades exactly FILLS, the remainder rests
//! R,id,qty,tag                 the order's open quantity falls by qty
//! C,id,tag                     cancel
//! B,row                        the top of the book equals that row of the book file
//! ```
//!
//! Inputs -> outputs: a plain or zstd file -> lines, one at a time.
//! Invariants: a line is whole or an error that names it; prices are integers of [`PRICE_UNIT`].
//! Limits: memory for one line.
//! Not here: what lines mean to an engine.

use anyhow::{Context, Result, anyhow, bail};
use gavel_types::Side;
use std::fs::File;
use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};

/// Price units of the wire (10^-9) in one of a script (10^-4).
pub(crate) const PRICE_UNIT: i64 = 100_000;

/// The price that stands for an empty level in a book file, with either sign.
const EMPTY_LEVEL: u64 = 9_999_999_999;

/// A new order's line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct NewLine {
    pub(crate) id: u64,
    pub(crate) side: Side,
    pub(crate) px: i64,
    pub(crate) qty: u64,
}

/// One line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Line {
    /// Must not trade.
    New(NewLine),
    /// Must trade exactly that, whole.
    Immediate(NewLine, Box<str>),
    /// Must trade exactly that.
    Marketable(NewLine, Box<str>),
    Reduce {
        id: u64,
        by: u64,
    },
    Cancel {
        id: u64,
    },
    Book {
        row: u64,
    },
}

/// One side of a book: (price, quantity), best first.
pub(crate) type Side2 = Vec<(i64, u64)>;

fn open(path: &Path) -> Result<Box<dyn BufRead>> {
    let file = File::open(path).with_context(|| format!("{} cannot be read", path.display()))?;
    let is_zst = path.extension().is_some_and(|extension| extension == "zst");
    let reader: Box<dyn Read> = if is_zst {
        Box::new(zstd::Decoder::new(file).with_context(|| format!("{}", path.display()))?)
    } else {
        Box::new(file)
    };
    Ok(Box::new(BufReader::with_capacity(256 << 10, reader)))
}

/// Lines of a text file, counted from 1.
struct Lines {
    path: PathBuf,
    reader: Box<dyn BufRead>,
    line: String,
    number: u64,
}

impl Lines {
    fn open(path: &Path) -> Result<Self> {
        let reader = open(path)?;
        Ok(Self { path: path.to_owned(), reader, line: String::new(), number: 0 })
    }

    fn next(&mut self) -> Result<Option<&str>> {
        self.line.clear();
        let read = self.reader.read_line(&mut self.line);
        let bytes = read.with_context(|| format!("{}: cannot be read on", self.path.display()))?;
        self.number += 1;
        Ok((bytes > 0).then(|| self.line.trim_end_matches(['\r', '\n'])))
    }

    fn place(&self) -> String {
        format!("{}:{}", self.path.display(), self.number)
    }
}

/// A script that is read.
pub(crate) struct Script(Lines);

impl Script {
    pub(crate) fn open(path: &Path) -> Result<Self> {
        Ok(Self(Lines::open(path)?))
    }

    /// How many lines a script has.
    pub(crate) fn count(path: &Path) -> Result<u64> {
        let mut lines = Lines::open(path)?;
        while lines.next()?.is_some() {}
        Ok(lines.number - 1)
    }

    /// The next line; None at the end.
    pub(crate) fn next(&mut self) -> Result<Option<Line>> {
        match self.0.next()?.map(parse) {
            None => Ok(None),
            Some(Ok(line)) => Ok(Some(line)),
            Some(Err(error)) => Err(error.context(self.0.place())),
        }
    }
}

fn parse(text: &str) -> Result<Line> {
    let mut fields = text.split(',');
    let mut field = |what: &str| {
        fields.next().ok_or_else(|| anyhow!("the field {what} is missing in {text:?}"))
    };
    let number = |text: &str| text.parse::<u64>().with_context(|| format!("{text:?} in a line"));
    let kind = field("kind")?;
    let line = match kind {
        "N" | "X" | "M" => {
            let id = number(field("id")?)?;
            let side = match field("side")? {
                "B" => Side::Buy,
                "S" => Side::Sell,
                other => bail!("the side {other:?} is neither B nor S in {text:?}"),
            };
            let px = field("px")?.parse::<i64>().with_context(|| format!("px in {text:?}"))?;
            let new = NewLine { id, side, px, qty: number(field("qty")?)? };
            field("tag")?;
            match kind {
                "N" => Line::New(new),
                "X" => Line::Immediate(new, field("FILLS")?.into()),
                _ => Line::Marketable(new, field("FILLS")?.into()),
            }
        }
        "R" => Line::Reduce { id: number(field("id")?)?, by: number(field("qty")?)? },
        "C" => Line::Cancel { id: number(field("id")?)? },
        "B" => Line::Book { row: number(field("row")?)? },
        other => bail!("{other:?} is no kind of line: {text:?}"),
    };
    Ok(line)
}

/// A book file that is read: rows in ascending order are free, a row behind costs a new start.
pub(crate) struct BookFile {
    lines: Lines,
    /// Rows read so far.
    read: u64,
}

impl BookFile {
    pub(crate) fn open(path: &Path) -> Result<Self> {
        Ok(Self { lines: Lines::open(path)?, read: 0 })
    }

    /// The best `levels` asks and bids of a row.
    pub(crate) fn row(&mut self, row: u64, levels: usize) -> Result<(Side2, Side2)> {
        if row < self.read {
            *self = Self::open(&self.lines.path.clone())?;
        }
        while self.read < row {
            if self.lines.next()?.is_none() {
                bail!("{} has only {} rows, not row {row}", self.lines.path.display(), self.read);
            }
            self.read += 1;
        }
        let Some(text) = self.lines.next()? else {
            bail!("{} has only {} rows, not row {row}", self.lines.path.display(), self.read);
        };
        let parsed = parse_row(text, levels);
        self.read += 1;
        parsed.with_context(|| self.lines.place())
    }
}

fn parse_row(text: &str, levels: usize) -> Result<(Side2, Side2)> {
    let (mut asks, mut bids) = (Vec::with_capacity(levels), Vec::with_capacity(levels));
    let mut fields = text.split(',');
    for level in 1..=levels {
        for side in [&mut asks, &mut bids] {
            let mut field = || {
                let field = fields.next().and_then(|field| field.trim().parse::<i64>().ok());
                field.ok_or_else(|| anyhow!("level {level} is missing or no number in {text:?}"))
            };
            let (px, qty) = (field()?, field()?);
            if px.unsigned_abs() != EMPTY_LEVEL {
                let qty = u64::try_from(qty).with_context(|| format!("a quantity in {text:?}"))?;
                side.push((px, qty));
            }
        }
    }
    Ok((asks, bids))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;

    #[test]
    fn every_kind_of_line_is_read() {
        let new = |id, side, px, qty| NewLine { id, side, px, qty };
        let cases = [
            ("N,7,B,2239500,100,m1", Line::New(new(7, Side::Buy, 2_239_500, 100))),
            (
                "X,8,S,5,2,x1,7:1:6|9:1:5",
                Line::Immediate(new(8, Side::Sell, 5, 2), "7:1:6|9:1:5".into()),
            ),
            ("M,9,B,5,2,x,1:1:5", Line::Marketable(new(9, Side::Buy, 5, 2), "1:1:5".into())),
            ("R,7,30,r1", Line::Reduce { id: 7, by: 30 }),
            ("C,7,c1", Line::Cancel { id: 7 }),
            ("B,12", Line::Book { row: 12 }),
        ];
        for (text, line) in cases {
            assert_eq!(parse(text).unwrap(), line, "{text}");
        }
    }

    #[test]
    fn broken_lines_are_refused_not_guessed() {
        for text in ["", "Q,1", "N,1,B,5", "N,1,Z,5,1,t", "X,1,B,5,1,t", "R,1", "C,-1,t", "B,x"] {
            assert!(parse(text).is_err(), "{text:?}");
        }
    }

    #[test]
    fn empty_levels_are_left_out_whatever_their_sign() {
        let text = "10,1,9,2,9999999999,0,-9999999999,0";
        let (asks, bids) = parse_row(text, 2).unwrap();
        assert_eq!((asks, bids), (vec![(10, 1)], vec![(9, 2)]));
        assert!(parse_row(text, 3).is_err(), "there is no third level");
    }

    #[test]
    fn rows_are_found_in_any_order_in_plain_and_packed_files() {
        let dir = tempfile::tempdir().unwrap();
        let rows: String = (0..20).map(|i| format!("{i},1,1,1\n")).collect();
        let plain = dir.path().join("book.csv");
        std::fs::write(&plain, &rows).unwrap();
        let packed = dir.path().join("book.csv.zst");
        let mut packer = zstd::Encoder::new(File::create(&packed).unwrap(), 1).unwrap();
        packer.write_all(rows.as_bytes()).unwrap();
        packer.finish().unwrap();
        for path in [plain, packed] {
            let mut book = BookFile::open(&path).unwrap();
            for row in [0, 1, 5, 5, 2, 19] {
                assert_eq!(book.row(row, 1).unwrap().0, [(row as i64, 1)]);
            }
            assert!(book.row(20, 1).is_err());
            assert_eq!(Script::count(&path).unwrap(), 20);
        }
    }
}
