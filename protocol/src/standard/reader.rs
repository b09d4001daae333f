//! Records of a standard file, read as a stream.
//!
//! Fields are separated by commas and may stand in quotes, where a quote is doubled; a record ends with CRLF. A record
//! longer than [`MAX_RECORD`] is a fault, so that neither an endless line nor an open quote costs memory.
//!
//! Most of a record is that of the record before: fields that stand there byte for byte are taken over and marked, so that
//! nobody has to look at them again.

mod before;

use before::Before;

/// The longest record that is read, in bytes.
pub(super) const MAX_RECORD: usize = 1 << 20;

/// A field within a record's bytes, without its quotes.
#[derive(Debug, Clone, Copy)]
pub(super) struct Field {
    pub(super) start: usize,
    pub(super) end: usize,
    /// It stands in quotes.
    quoted: bool,
    /// Its quotes are doubled.
    pub(super) doubled: bool,
    /// It is the same as in the record before.
    same: bool,
}

impl Field {
    /// Where it begins with its quotes.
    fn begin(&self) -> usize {
        self.start - usize::from(self.quoted)
    }
}

/// A record.
#[derive(Debug, Clone, Copy)]
pub(super) struct Record<'a> {
    /// Its bytes, with quotes, without the line end.
    pub(super) bytes: &'a [u8],
    pub(super) fields: &'a [Field],
    /// From 1.
    pub(super) number: u64,
    /// The line on which it begins, from 1.
    pub(super) line: u64,
    /// Nothing is wrong with the record before: what is the same here holds, too. Said by who looks at the records.
    pub(super) follows: bool,
}

impl<'a> Record<'a> {
    /// A field's bytes; quotes in it are still doubled.
    pub(super) fn value(&self, index: usize) -> &'a [u8] {
        self.fields.get(index).and_then(|field| self.bytes.get(field.start..field.end)).unwrap_or_default()
    }

    /// Whether a field is known to be that of the record before, with which nothing is wrong.
    pub(super) fn is_known(&self, index: usize) -> bool {
        self.follows && self.fields.get(index).is_some_and(|field| field.same)
    }

    /// Each field's bytes, but of those that are known.
    pub(super) fn new_values(&self) -> impl Iterator<Item = (usize, &'a Field, &'a [u8])> {
        let (bytes, follows) = (self.bytes, self.follows);
        let fields = self.fields.iter().enumerate().filter(move |(_, field)| !(follows && field.same));
        fields.map(move |(index, field)| (index, field, bytes.get(field.start..field.end).unwrap_or_default()))
    }

    /// The line of an offset, from 1, and the bytes of that line before it.
    pub(super) fn place(&self, offset: usize) -> (u64, &'a [u8]) {
        let before = self.bytes.get(..offset).unwrap_or(self.bytes);
        match line_feeds(before) {
            0 => (self.line, before),
            lines => {
                let begin = before.iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at + 1);
                (self.line + lines, before.get(begin..).unwrap_or_default())
            }
        }
    }
}

/// Why a stream cannot be read on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Broken {
    /// A quote is never closed, within the file or [`MAX_RECORD`].
    Open,
    /// Something stands behind a closing quote, or a quote within a bare field.
    Stray,
    /// A line without end.
    Endless,
}

/// What the reader finds.
pub(super) enum Event<'a> {
    /// A record.
    Record(Record<'a>),
    /// A fault at an offset of the record that it stands in; nothing more comes.
    Broken(Broken, usize, Record<'a>),
}

/// How lines ended.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(super) struct LineEnds {
    pub(super) crlf: u64,
    /// Line feeds alone, and the first line of them.
    pub(super) lf: u64,
    pub(super) first_lf: u64,
    /// Empty lines, and the first of them.
    pub(super) blank: u64,
    pub(super) first_blank: u64,
    /// The last line has no end.
    pub(super) unfinished: bool,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    Begin,
    Bare,
    Quoted,
    Closed,
}

/// Reads a stream in pieces.
pub(super) struct Reader {
    bytes: Vec<u8>,
    fields: Vec<Field>,
    before: Before,
    /// The beginning of the record, the place reached, the beginning of the field; in `bytes`.
    record: usize,
    at: usize,
    field: usize,
    doubled: bool,
    state: State,
    number: u64,
    line: u64,
    /// Line feeds within the quotes of this record.
    inner: u64,
    ends: LineEnds,
    stopped: bool,
}

impl Default for Reader {
    fn default() -> Self {
        Self {
            bytes: Vec::new(),
            fields: Vec::new(),
            before: Before::default(),
            record: 0,
            at: 0,
            field: 0,
            doubled: false,
            state: State::Begin,
            number: 0,
            line: 1,
            inner: 0,
            ends: LineEnds::default(),
            stopped: false,
        }
    }
}

impl Reader {
    /// Reads the next bytes.
    pub(super) fn feed(&mut self, bytes: &[u8], mut tell: impl FnMut(Event<'_>)) {
        for piece in bytes.chunks(PIECE) {
            if self.stopped {
                return;
            }
            self.bytes.extend_from_slice(piece);
            self.read(&mut tell);
            self.forget();
            if self.bytes.len() > MAX_RECORD && !self.stopped {
                let why = if self.state == State::Quoted { Broken::Open } else { Broken::Endless };
                self.stop(why, &mut tell);
            }
        }
    }

    /// Reads what is left, and tells how lines ended.
    pub(super) fn finish(mut self, mut tell: impl FnMut(Event<'_>)) -> LineEnds {
        if self.stopped {
            return self.ends;
        }
        if self.state == State::Quoted {
            self.stop(Broken::Open, &mut tell);
        } else if self.record < self.bytes.len() {
            // A DOS end-of-file mark is no record.
            let is_mark = self.bytes.get(self.record..) == Some(&[0x1a]);
            let carriage_return = self.state != State::Begin && self.bytes.last() == Some(&b'\r');
            let end = self.bytes.len() - usize::from(carriage_return);
            if !is_mark {
                self.ends.unfinished = true;
                self.end_field(end - usize::from(self.state == State::Closed));
                self.end_record(end, &mut tell);
            }
        }
        self.ends
    }

    fn read(&mut self, tell: &mut impl FnMut(Event<'_>)) {
        while let Some(&byte) = self.bytes.get(self.at) {
            match self.state {
                State::Begin => self.begin_field(),
                State::Bare => {
                    let rest = self.bytes.get(self.at..).unwrap_or_default();
                    let Some(next) = rest.iter().position(|byte| matches!(byte, b',' | b'\n' | b'"')) else {
                        self.at = self.bytes.len();
                        return;
                    };
                    self.at += next;
                    match self.bytes.get(self.at) {
                        Some(b',') => self.separate(self.at),
                        Some(b'\n') => self.end_line(tell),
                        _ => return self.stop_at(Broken::Stray, self.at, tell),
                    }
                }
                State::Quoted => self.read_quoted(),
                State::Closed => match byte {
                    b'"' => {
                        self.doubled = true;
                        self.state = State::Quoted;
                        self.at += 1;
                    }
                    b',' => self.separate(self.at - 1),
                    b'\n' => self.end_line(tell),
                    // Whether a line feed follows is seen with the next byte.
                    b'\r' if self.at + 1 == self.bytes.len() => return,
                    b'\r' if self.bytes.get(self.at + 1) == Some(&b'\n') => self.at += 1,
                    _ => return self.stop(Broken::Stray, tell),
                },
            }
            if self.stopped {
                return;
            }
        }
    }

    fn begin_field(&mut self) {
        let (taken, lines) = self.before.take_over(&self.bytes, self.record, self.at, &mut self.fields);
        self.at += taken;
        self.field = self.at;
        self.inner += lines;
        match self.bytes.get(self.at) {
            Some(b'"') => {
                self.state = State::Quoted;
                self.at += 1;
            }
            Some(_) => self.state = State::Bare,
            None => {}
        }
    }

    fn read_quoted(&mut self) {
        let rest = self.bytes.get(self.at..).unwrap_or_default();
        let length = rest.iter().position(|byte| *byte == b'"').unwrap_or(rest.len());
        let passed = rest.get(..length).unwrap_or_default();
        self.inner += line_feeds(passed);
        self.at += length;
        if self.at < self.bytes.len() {
            self.state = State::Closed;
            self.at += 1;
        }
    }

    /// At a comma.
    fn separate(&mut self, end: usize) {
        self.end_field(end);
        self.at += 1;
        self.field = self.at;
        self.state = State::Begin;
    }

    fn end_field(&mut self, end: usize) {
        let quoted = self.bytes.get(self.field) == Some(&b'"') && self.field < end;
        let start = self.field + usize::from(quoted);
        self.fields.push(Field {
            start: start - self.record,
            end: end.max(start) - self.record,
            quoted,
            doubled: std::mem::take(&mut self.doubled),
            same: false,
        });
    }

    /// At a line feed.
    fn end_line(&mut self, tell: &mut impl FnMut(Event<'_>)) {
        let crlf = self.at > self.record && self.bytes.get(self.at - 1) == Some(&b'\r');
        let end = self.at - usize::from(crlf);
        if crlf {
            self.ends.crlf += 1;
        } else {
            self.ends.lf += 1;
            self.ends.first_lf = if self.ends.lf == 1 { self.line + self.inner } else { self.ends.first_lf };
        }
        if end == self.record {
            self.ends.blank += 1;
            self.ends.first_blank = if self.ends.blank == 1 { self.line } else { self.ends.first_blank };
        } else {
            let closed = self.state == State::Closed;
            self.end_field(end - usize::from(closed));
            self.end_record(end, tell);
        }
        self.line += self.inner + 1;
        self.inner = 0;
        self.at += 1;
        self.record = self.at;
        self.field = self.at;
        self.state = State::Begin;
    }

    fn end_record(&mut self, end: usize, tell: &mut impl FnMut(Event<'_>)) {
        self.number += 1;
        tell(Event::Record(self.current(end)));
        self.before.remember(self.record, &mut self.fields, self.inner > 0);
    }

    fn current(&self, end: usize) -> Record<'_> {
        let bytes = self.bytes.get(self.record..end).unwrap_or_default();
        Record { bytes, fields: &self.fields, number: self.number, line: self.line, follows: false }
    }

    /// Stops at the field that is being read.
    fn stop(&mut self, why: Broken, tell: &mut impl FnMut(Event<'_>)) {
        self.stop_at(why, self.field, tell);
    }

    fn stop_at(&mut self, why: Broken, at: usize, tell: &mut impl FnMut(Event<'_>)) {
        self.number += 1;
        let end = if why == Broken::Stray { self.at } else { self.bytes.len() };
        tell(Event::Broken(why, at - self.record, self.current(end)));
        self.stopped = true;
        self.bytes = Vec::new();
        (self.fields, self.before) = (Vec::new(), Before::default());
    }

    /// Lets go of what has been read.
    fn forget(&mut self) {
        if self.stopped || self.record == 0 {
            return;
        }
        self.bytes.drain(..self.record);
        self.before.forget();
        self.at -= self.record;
        self.field -= self.record;
        self.record = 0;
    }
}

fn line_feeds(bytes: &[u8]) -> u64 {
    bytes.iter().filter(|byte| **byte == b'\n').count() as u64
}

/// Pieces of this size are copied in at once.
const PIECE: usize = 64 << 10;

#[cfg(test)]
mod tests {
    use super::*;

    /// Why, the line, the item from 1.
    type Fault = (Broken, u64, usize);

    fn read(text: &[u8], piece: usize) -> (Vec<Vec<String>>, Option<Fault>, LineEnds) {
        let (mut rows, mut broken) = (Vec::new(), None);
        let mut tell = |event: Event<'_>| match event {
            Event::Record(record) => rows.push(
                (0..record.fields.len()).map(|i| String::from_utf8_lossy(record.value(i)).into_owned()).collect(),
            ),
            Event::Broken(why, at, record) => broken = Some((why, record.place(at).0, record.fields.len() + 1)),
        };
        let mut reader = Reader::default();
        text.chunks(piece).for_each(|piece| reader.feed(piece, &mut tell));
        let ends = reader.finish(&mut tell);
        (rows, broken, ends)
    }

    #[test]
    fn records_are_the_same_in_pieces_of_any_size() {
        let text = b"a,\"b\r\nc,\"\"d\"\"\",\r\n,\"\"\r\n\"x\"\r\n\r\nlast,1";
        for piece in 1..=text.len() {
            let (rows, broken, ends) = read(text, piece);
            assert_eq!(rows, [vec!["a", "b\r\nc,\"\"d\"\"", ""], vec!["", ""], vec!["x"], vec!["last", "1"]]);
            assert_eq!((broken, ends.crlf, ends.blank, ends.first_blank), (None, 4, 1, 5));
            assert!(ends.unfinished);
        }
    }

    #[test]
    fn line_feeds_alone_are_counted_and_those_in_quotes_are_not() {
        let (rows, _, ends) = read(b"a,\"x\ny\"\r\nb\n", 3);
        assert_eq!((rows.len(), ends.crlf, ends.lf, ends.first_lf), (2, 1, 1, 3));
    }

    #[test]
    fn a_quote_that_is_not_closed_is_told_where_it_opens() {
        assert_eq!(read(b"a\r\nb,\"c\r\nd,e\r\n", 4).1, Some((Broken::Open, 2, 2)));
        assert_eq!(read(b"a,\"b,c\r\nd,\"e\"\r\n", 4).1, Some((Broken::Stray, 1, 2)));
        assert_eq!(read(b"a,b\"c\r\n", 4).1, Some((Broken::Stray, 1, 2)));
    }

    #[test]
    fn an_endless_line_and_an_endless_quote_cost_bounded_memory() {
        for (begin, why) in [(&b"x"[..], Broken::Endless), (b"\"", Broken::Open)] {
            let mut reader = Reader::default();
            let mut told = None;
            reader.feed(begin, |_| ());
            for _ in 0..200 {
                reader.feed(&[b'y'; 10_000], |event| {
                    if let Event::Broken(why, ..) = event {
                        told = Some(why);
                    }
                });
                assert!(reader.bytes.capacity() <= 4 * MAX_RECORD);
            }
            assert_eq!(told, Some(why));
        }
    }
}
