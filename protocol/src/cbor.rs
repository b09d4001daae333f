//! How instants, days and byte strings stand in CBOR.

/// An instant as milliseconds since 1970, UTC.
pub mod instant {
    use jiff::Timestamp;
    use minicbor::decode::Error;
    use minicbor::encode::{Error as EncodeError, Write};
    use minicbor::{Decoder, Encoder};

    /// Writes it.
    ///
    /// # Errors
    /// Those of the writer.
    pub fn encode<C, W: Write>(at: &Timestamp, e: &mut Encoder<W>, _: &mut C) -> Result<(), EncodeError<W::Error>> {
        e.i64(at.as_millisecond())?.ok()
    }

    /// Reads it.
    ///
    /// # Errors
    /// When something else stands there.
    pub fn decode<C>(d: &mut Decoder<'_>, _: &mut C) -> Result<Timestamp, Error> {
        Timestamp::from_millisecond(d.i64()?).map_err(|_| Error::message("no instant"))
    }
}

/// An instant that may be absent.
pub mod maybe_instant {
    use jiff::Timestamp;
    use minicbor::decode::Error;
    use minicbor::encode::{Error as EncodeError, Write};
    use minicbor::{Decoder, Encoder, data::Type};

    /// Writes it.
    ///
    /// # Errors
    /// Those of the writer.
    pub fn encode<C, W: Write>(
        at: &Option<Timestamp>,
        e: &mut Encoder<W>,
        context: &mut C,
    ) -> Result<(), EncodeError<W::Error>> {
        match at {
            Some(at) => super::instant::encode(at, e, context),
            None => e.null()?.ok(),
        }
    }

    /// Reads it.
    ///
    /// # Errors
    /// When something else stands there.
    pub fn decode<C>(d: &mut Decoder<'_>, context: &mut C) -> Result<Option<Timestamp>, Error> {
        match d.datatype()? {
            Type::Null => d.null().map(|()| None),
            _ => super::instant::decode(d, context).map(Some),
        }
    }

    /// What a missing one is.
    pub fn nil() -> Option<Option<Timestamp>> {
        Some(None)
    }

    /// Whether it is missing.
    pub fn is_nil(at: &Option<Timestamp>) -> bool {
        at.is_none()
    }
}

/// A day of Japan as the number `YYYYMMDD`.
pub mod day {
    use jiff::civil::Date;
    use minicbor::decode::Error;
    use minicbor::encode::{Error as EncodeError, Write};
    use minicbor::{Decoder, Encoder};

    /// Writes it.
    ///
    /// # Errors
    /// Those of the writer.
    pub fn encode<C, W: Write>(day: &Date, e: &mut Encoder<W>, _: &mut C) -> Result<(), EncodeError<W::Error>> {
        e.u32(super::day_number(*day))?.ok()
    }

    /// Reads it.
    ///
    /// # Errors
    /// When something else stands there.
    pub fn decode<C>(d: &mut Decoder<'_>, _: &mut C) -> Result<Date, Error> {
        super::day_from_number(d.u32()?).ok_or_else(|| Error::message("no day"))
    }
}

/// A day that may be absent.
pub mod maybe_day {
    use jiff::civil::Date;
    use minicbor::decode::Error;
    use minicbor::encode::{Error as EncodeError, Write};
    use minicbor::{Decoder, Encoder, data::Type};

    /// Writes it.
    ///
    /// # Errors
    /// Those of the writer.
    pub fn encode<C, W: Write>(
        day: &Option<Date>,
        e: &mut Encoder<W>,
        context: &mut C,
    ) -> Result<(), EncodeError<W::Error>> {
        match day {
            Some(day) => super::day::encode(day, e, context),
            None => e.null()?.ok(),
        }
    }

    /// Reads it.
    ///
    /// # Errors
    /// When something else stands there.
    pub fn decode<C>(d: &mut Decoder<'_>, context: &mut C) -> Result<Option<Date>, Error> {
        match d.datatype()? {
            Type::Null => d.null().map(|()| None),
            _ => super::day::decode(d, context).map(Some),
        }
    }

    /// What a missing one is.
    pub fn nil() -> Option<Option<Date>> {
        Some(None)
    }

    /// Whether it is missing.
    pub fn is_nil(day: &Option<Date>) -> bool {
        day.is_none()
    }
}

/// `YYYYMMDD`.
pub fn day_number(day: jiff::civil::Date) -> u32 {
    day.year().unsigned_abs() as u32 * 10_000 + day.month() as u32 * 100 + day.day() as u32
}

/// The inverse of [`day_number`].
pub fn day_from_number(number: u32) -> Option<jiff::civil::Date> {
    let part = |n: u32| i8::try_from(n).ok();
    let year = i16::try_from(number / 10_000).ok()?;
    jiff::civil::Date::new(year, part(number / 100 % 100)?, part(number % 100)?).ok()
}
