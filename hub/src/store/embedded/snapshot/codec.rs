//! The state in CBOR: an array that begins with the version; maps as arrays of entries.

use crate::store::codec;
use crate::store::state::{
    Archived, Key, Mailbox, Meter, Pair, Registry, State, UnitEntry, Units, keys_flat as join_keys_flat, keys_of,
};
use careplan_protocol::api::Count;
use careplan_protocol::calendar::Month;
use careplan_protocol::office::OfficeNumber;
use minicbor::decode::Error;
use minicbor::{Decode, Decoder, Encode, Encoder};
use std::convert::Infallible;

type Written = Result<(), minicbor::encode::Error<Infallible>>;
type Out<'a> = Encoder<&'a mut Vec<u8>>;

pub(super) fn encode(state: &State) -> Result<Vec<u8>, minicbor::encode::Error<Infallible>> {
    // Taken apart by name, so that a new field cannot be forgotten here.
    let State {
        epoch,
        epochs,
        next,
        last_at,
        registry,
        meters,
        mailboxes,
        keys: _,
        expired_through,
        day_starts,
        clock_confirmed,
        transfers,
        units,
        archived,
    } = state;
    let mut bytes = Vec::new();
    let mut e = Encoder::new(&mut bytes);
    e.array(15)?.u8(VERSION)?.u32(*epoch)?;
    e.array(epochs.len() as u64)?;
    for epoch in epochs {
        e.encode(epoch)?;
    }
    e.u64(*next)?;
    codec::instant::encode(last_at, &mut e, &mut ())?;
    encode_registry(&mut e, registry)?;
    e.array(meters.len() as u64)?;
    for ((office, month), meter) in meters {
        e.array(4)?.encode(office)?.encode(month)?;
        encode_count(&mut e, &meter.sent)?;
        encode_count(&mut e, &meter.received)?;
    }
    e.array(mailboxes.len() as u64)?;
    for (office, mailbox) in mailboxes {
        encode_mailbox(&mut e, *office, mailbox)?;
    }
    e.bytes(&keys_flat(state.keys_seen()))?;
    codec::maybe_day::encode(expired_through, &mut e, &mut ())?;
    e.array(day_starts.len() as u64)?;
    for start in day_starts {
        e.encode(start)?;
    }
    e.encode(clock_confirmed)?;
    e.u64(*transfers)?;
    encode_units(&mut e, units)?;
    match archived {
        None => e.array(0)?,
        Some(Archived { month, first, next, sha256 }) => {
            e.array(4)?.encode(month)?.u64(*first)?.u64(*next)?.bytes(sha256)?
        }
    };
    Ok(bytes)
}

pub(super) fn decode(bytes: &[u8]) -> Result<State, Error> {
    let mut d = Decoder::new(bytes);
    let fields = d.array()?;
    let version = d.u8()?;
    // Version 1 knew no units; those accepted under it are not compared with later ones. Version 2 knew no archives. Up to
    // version 3 a confirmation of the clock went by its instant; none before this one is asked for.
    if !matches!((fields, version), (Some(13), 1) | (Some(14), 2) | (Some(15), 3 | VERSION)) {
        return Err(Error::message("another version"));
    }
    let mut state = State {
        epoch: d.u32()?,
        epochs: entries(&mut d, Decoder::decode::<(u32, u64)>)?.into_iter().collect(),
        next: d.u64()?,
        last_at: codec::instant::decode(&mut d, &mut ())?,
        registry: decode_registry(&mut d)?,
        meters: entries(&mut d, |d| {
            begin(d, 4)?;
            let key = (d.decode()?, d.decode()?);
            Ok((key, Meter { sent: decode_count(d)?, received: decode_count(d)? }))
        })?
        .into_iter()
        .collect(),
        ..State::default()
    };
    // The two that grow with every transfer, at once.
    let mailboxes = pieces(&mut d)?;
    let keys = d.bytes()?;
    std::thread::scope(|scope| {
        let keys = scope.spawn(|| keys.chunks_exact(KEY_ENTRY).filter_map(key_entry).collect());
        let mut reading = Vec::new();
        for (mut d, entries) in mailboxes {
            let read = move || (0..entries).map(|_| decode_mailbox(&mut d)).collect::<Result<Vec<_>, _>>();
            reading.push(scope.spawn(read));
        }
        for read in reading {
            state.mailboxes.extend(read.join().map_err(|_| Error::message("the mailboxes cannot be read"))??);
        }
        state.keys = keys.join().map_err(|_| Error::message("the keys cannot be read"))?;
        Ok::<(), Error>(())
    })?;
    Ok(State {
        expired_through: codec::maybe_day::decode(&mut d, &mut ())?,
        day_starts: entries(&mut d, Decoder::decode::<(u32, u64)>)?.into_iter().collect(),
        clock_confirmed: if version < 4 { d.skip().map(|()| None)? } else { d.decode()? },
        transfers: d.u64()?,
        units: if version == 1 { Units::default() } else { decode_units(&mut d)? },
        archived: if version < 3 { None } else { decode_archived(&mut d)? },
        ..state
    })
}

fn decode_archived(d: &mut Decoder<'_>) -> Result<Option<Archived>, Error> {
    match d.array()? {
        Some(0) => Ok(None),
        Some(4) => Ok(Some(Archived {
            month: d.decode()?,
            first: d.u64()?,
            next: d.u64()?,
            sha256: d.bytes()?.try_into().map_err(|_| Error::message("no hash of 32 bytes"))?,
        })),
        _ => Err(Error::message("another number of fields")),
    }
}

fn encode_registry(e: &mut Out<'_>, registry: &Registry) -> Written {
    let Registry { version, offices, certificates, people } = registry;
    e.array(4)?.u64(*version)?;
    encode_all(e, offices.len(), offices.values())?;
    encode_all(e, certificates.len(), certificates.values())?;
    encode_all(e, people.len(), people.values())
}

fn decode_registry(d: &mut Decoder<'_>) -> Result<Registry, Error> {
    begin(d, 4)?;
    Ok(Registry {
        version: d.u64()?,
        offices: decode_all(d)?
            .into_iter()
            .map(|office: crate::store::state::Office| (office.number, office))
            .collect(),
        certificates: decode_all(d)?
            .into_iter()
            .map(|certificate: crate::store::state::Certificate| (certificate.fingerprint, certificate))
            .collect(),
        people: decode_all(d)?
            .into_iter()
            .map(|person: crate::store::state::Person| (person.certificate, person))
            .collect(),
    })
}

fn encode_mailbox(e: &mut Out<'_>, office: OfficeNumber, mailbox: &Mailbox) -> Written {
    let Mailbox { inbox_version, outbox_version, unfetched, partners } = mailbox;
    e.array(5)?.encode(office)?.u64(*inbox_version)?.u64(*outbox_version)?;
    e.array(unfetched.len() as u64)?;
    for position in unfetched {
        e.u64(*position)?;
    }
    e.array(partners.len() as u64)?;
    for partner in partners {
        e.encode(partner)?;
    }
    Ok(())
}

fn decode_mailbox(d: &mut Decoder<'_>) -> Result<(OfficeNumber, Mailbox), Error> {
    begin(d, 5)?;
    let office = d.decode()?;
    let mailbox = Mailbox {
        inbox_version: d.u64()?,
        outbox_version: d.u64()?,
        unfetched: entries(d, Decoder::u64)?.into_iter().collect(),
        partners: entries(d, Decoder::decode::<(OfficeNumber, Month)>)?.into_iter().collect(),
    };
    Ok((office, mailbox))
}

fn encode_units(e: &mut Out<'_>, units: &Units) -> Written {
    let Units { pairs } = units;
    e.array(pairs.len() as u64)?;
    for ((from, to), units) in pairs {
        e.array(3)?.encode(from)?.encode(to)?.array(units.len() as u64)?;
        for (stamp, unit) in units {
            let UnitEntry { position, content, deletes, taken, keys } = unit;
            e.array(6)?.u64(*stamp)?.u64(*position)?.bytes(content)?.bool(*deletes)?.bool(*taken)?;
            e.bytes(&join_keys_flat(keys))?;
        }
    }
    Ok(())
}

fn decode_units(d: &mut Decoder<'_>) -> Result<Units, Error> {
    let pairs = entries(d, |d| {
        begin(d, 3)?;
        let pair: Pair = (d.decode()?, d.decode()?);
        Ok((pair, entries(d, decode_unit)?.into_iter().collect()))
    })?;
    Ok(Units { pairs: pairs.into_iter().collect() })
}

fn decode_unit(d: &mut Decoder<'_>) -> Result<(u64, UnitEntry), Error> {
    begin(d, 6)?;
    let stamp = d.u64()?;
    let unit = UnitEntry {
        position: d.u64()?,
        content: d.bytes()?.try_into().map_err(|_| Error::message("no hash of 16 bytes"))?,
        deletes: d.bool()?,
        taken: d.bool()?,
        keys: keys_of(d.bytes()?).into(),
    };
    Ok((stamp, unit))
}

fn encode_count(e: &mut Out<'_>, count: &Count) -> Written {
    e.array(3)?.u64(count.transfers)?.u64(count.files)?.u64(count.bytes)?.ok()
}

fn decode_count(d: &mut Decoder<'_>) -> Result<Count, Error> {
    begin(d, 3)?;
    Ok(Count { transfers: d.u64()?, files: d.u64()?, bytes: d.u64()? })
}

fn encode_all<'a, T: Encode<()> + 'a>(e: &mut Out<'_>, length: usize, all: impl Iterator<Item = &'a T>) -> Written {
    e.array(length as u64)?;
    for one in all {
        e.encode(one)?;
    }
    Ok(())
}

fn decode_all<'b, T: Decode<'b, ()>>(d: &mut Decoder<'b>) -> Result<Vec<T>, Error> {
    entries(d, Decoder::decode)
}

fn entries<'b, T>(
    d: &mut Decoder<'b>,
    mut entry: impl FnMut(&mut Decoder<'b>) -> Result<T, Error>,
) -> Result<Vec<T>, Error> {
    let length = d.array()?.ok_or_else(|| Error::message("no length"))?;
    (0..length).map(|_| entry(d)).collect()
}

/// Passes an array; where each of some parts of it begins, and how many entries that has.
fn pieces<'b>(d: &mut Decoder<'b>) -> Result<Vec<(Decoder<'b>, u64)>, Error> {
    let length = d.array()?.ok_or_else(|| Error::message("no length"))?;
    let mut pieces = Vec::new();
    let mut passed = 0;
    while passed < length {
        let entries = length.div_ceil(PIECES).min(length - passed);
        pieces.push((d.clone(), entries));
        for _ in 0..entries {
            d.skip()?;
        }
        passed += entries;
    }
    Ok(pieces)
}

fn begin(d: &mut Decoder<'_>, fields: u64) -> Result<(), Error> {
    if d.array()? == Some(fields) { Ok(()) } else { Err(Error::message("another number of fields")) }
}

fn keys_flat(keys: impl Iterator<Item = (Key, u64)>) -> Vec<u8> {
    keys.flat_map(|(key, position)| key.into_iter().chain(position.to_be_bytes())).collect()
}

fn key_entry(entry: &[u8]) -> Option<(Key, u64)> {
    let (key, position) = entry.split_first_chunk()?;
    Some((*key, u64::from_be_bytes(position.try_into().ok()?)))
}

const VERSION: u8 = 4;
/// Into which the mailboxes are taken apart; the keys take about as long as one of them.
const PIECES: u64 = 4;
const KEY_ENTRY: usize = 24;
