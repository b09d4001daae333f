//! Units of the samples as sends between the offices of a run. Every request has a 連番 and persons of its own, as at the end
//! of a month; the same bytes can be sent as attachments, which nobody reads.

use crate::corpus::{self, Corpus, PERSONS};
use crate::drive::Work;
use anyhow::{Result, ensure};
use bytes::Bytes;
use careplan_protocol::api::IDEMPOTENCY_KEY;
use careplan_protocol::office::{OfficeNumber, ServiceType};
use careplan_protocol::routes;
use http::Request;
use http_body_util::Full;
use std::fmt::Write as _;
use std::sync::Arc;

/// As what the files are sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// As they are.
    Standard,
    /// As PDFs of the same size.
    Attachments,
}

/// The units of every office.
#[derive(Debug)]
pub struct Units {
    offices: Vec<Vec<Unit>>,
    paths: Vec<String>,
}

#[derive(Debug)]
struct Unit {
    to: String,
    from_type: Option<ServiceType>,
    stamp: String,
    files: Vec<File>,
}

#[derive(Debug)]
struct File {
    name: String,
    content: Vec<u8>,
    /// Where a person's number stands, and whose.
    persons: Vec<(usize, usize)>,
}

impl Units {
    /// The samples between offices of these service types, every office sending to the one half a round away.
    ///
    /// # Errors
    /// When no sample is between such offices.
    pub fn of(samples: &Corpus, offices: &[OfficeNumber]) -> Result<Arc<Self>> {
        let usable = |service_type: Option<ServiceType>| service_type.is_none_or(|of| TYPES.contains(&of.as_str()));
        let loads: Vec<_> =
            samples.samples().filter(|load| usable(load.from.service_type) && usable(load.to.service_type)).collect();
        ensure!(!loads.is_empty(), "no sample is between offices of the types {TYPES:?}");
        let units = |number: usize| {
            let (from, to) = (offices[number], offices[(number + offices.len() / 2) % offices.len()]);
            loads.iter().map(|load| Unit::of(load, from, to)).collect()
        };
        let paths = offices.iter().map(|office| routes::path(routes::OUTBOX, &[office])).collect();
        Ok(Arc::new(Self { offices: (0..offices.len()).map(units).collect(), paths }))
    }

    /// The mean size of a unit, in bytes.
    pub fn mean_bytes(&self) -> usize {
        let units = self.offices.iter().flatten();
        let bytes: usize = units.clone().flat_map(|unit| &unit.files).map(|file| file.content.len()).sum();
        bytes / units.count().max(1)
    }

    /// Sends them in turn. `run` is a number that no run had before.
    pub fn sends(self: &Arc<Self>, kind: Kind, run: u64) -> Work {
        let units = Arc::clone(self);
        let request = move |n: u64, connection: usize| {
            let office = connection % units.paths.len();
            let of = &units.offices[office];
            let number = run * MOST_OF_A_RUN + n;
            Request::post(&units.paths[office])
                .header("content-type", format!("multipart/form-data; boundary={BOUNDARY}"))
                .header(IDEMPOTENCY_KEY, format!("{kind:?}-{number}"))
                .body(Full::new(of[n as usize % of.len()].form(kind, number)))
                .ok()
        };
        Work { request: Arc::new(request), status: &[201], seen: None }
    }
}

impl Unit {
    fn of(load: &crate::Load, from: OfficeNumber, to: OfficeNumber) -> Self {
        let (old_from, old_to) = (load.from.office, load.to.office);
        let text = |name: &str| {
            // Both at once: the new number of one may be the old one of the other.
            let parts = name.split(old_from.as_str()).map(|part| part.replace(old_to.as_str(), to.as_str()));
            parts.collect::<Vec<_>>().join(from.as_str())
        };
        let file = |(name, bytes): &(String, Bytes)| {
            let content = replaced(bytes, &[(old_from, from), (old_to, to)]);
            let persons = PERSONS.iter().enumerate().flat_map(|(whose, person)| {
                let at = content.windows(person.len()).enumerate().filter(move |(_, bytes)| bytes == person);
                at.map(move |(at, _)| (at, whose))
            });
            File { name: text(name), persons: persons.collect(), content: content.clone() }
        };
        let to = match load.to.service_type {
            Some(service_type) => format!("{to}-{service_type}"),
            None => to.to_string(),
        };
        Self {
            to,
            from_type: load.from.service_type,
            stamp: corpus::stamp(load.n),
            files: load.files.iter().map(file).collect(),
        }
    }

    fn form(&self, kind: Kind, number: u64) -> Bytes {
        let part = |head: &str| format!("--{BOUNDARY}\r\ncontent-disposition: form-data; {head}\r\n\r\n");
        let mut form = part("name=\"to\"") + &self.to + "\r\n";
        if let Some(service_type) = self.from_type {
            // Writing into a text does not fail.
            let _ = write!(form, "{}{service_type}\r\n", part("name=\"from_type\""));
        }
        let mut form = (form + &part("name=\"message\"") + "\r\n").into_bytes();
        let stamp = corpus::stamp(number);
        for (index, file) in self.files.iter().enumerate() {
            let name = match kind {
                Kind::Standard => file.name.replace(&self.stamp, &stamp),
                Kind::Attachments => format!("{index}.pdf"),
            };
            form.extend_from_slice(part(&format!("name=\"file\"; filename=\"{name}\"")).as_bytes());
            let begin = form.len();
            form.extend_from_slice(&file.content);
            for (at, whose) in &file.persons {
                let person = format!("{:010}", number * PERSONS.len() as u64 + *whose as u64);
                form[begin + at..begin + at + person.len()].copy_from_slice(person.as_bytes());
            }
            if kind == Kind::Attachments {
                form[begin..begin + PDF.len()].copy_from_slice(PDF);
            }
            form.extend_from_slice(b"\r\n");
        }
        form.extend_from_slice(format!("--{BOUNDARY}--\r\n").as_bytes());
        Bytes::from(form)
    }
}

fn replaced(bytes: &[u8], numbers: &[(OfficeNumber, OfficeNumber)]) -> Vec<u8> {
    let mut bytes = bytes.to_vec();
    let mut at = 0;
    while let Some(here) = bytes.get_mut(at..at + 10) {
        match numbers.iter().find(|(old, _)| old.as_bytes() == here) {
            Some((_, new)) => {
                here.copy_from_slice(new.as_bytes());
                at += 10;
            }
            None => at += 1,
        }
    }
    bytes
}

/// What the offices of a run are.
const TYPES: [&str; 2] = ["43", "11"];
/// Beyond that the numbers of one run would be those of the next.
const MOST_OF_A_RUN: u64 = 10_000_000;
const PDF: &[u8] = b"%PDF-1.7\n";
const BOUNDARY: &str = "careplan-loadtest-7f3a9c";

#[cfg(test)]
mod tests {
    use super::*;
    use careplan_protocol::standard::{Checker, Context};
    use std::path::Path;

    /// The files of a form, by name.
    fn files(form: &[u8]) -> Vec<(String, Vec<u8>)> {
        let text: String = form.iter().map(|byte| char::from(*byte)).collect();
        let begin = format!("--{BOUNDARY}\r\n");
        let parts = text.split(&begin).filter_map(|part| {
            let (head, content) = part.split_once("\r\n\r\n")?;
            let name = head.split_once("filename=\"")?.1.trim_end_matches('"');
            let content = content.split(&format!("--{BOUNDARY}--")).next()?.strip_suffix("\r\n")?;
            Some((name.to_owned(), content.chars().map(|byte| byte as u8).collect()))
        });
        parts.collect()
    }

    #[test]
    fn every_unit_passes_the_checker_and_no_two_are_the_same() {
        let samples = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/samples/good");
        let offices: Vec<OfficeNumber> =
            ["1379900003", "1379900011"].iter().map(|number| number.parse().unwrap()).collect();
        let units = Units::of(&Corpus::read(&samples).unwrap(), &offices).unwrap();
        let mut keys = Vec::new();
        for number in 0..4 {
            let unit = &units.offices[0][number as usize % units.offices[0].len()];
            let context =
                Context { acting: Some(offices[0].into()), to: Some(offices[1].into()), ..Context::default() };
            let mut checker = Checker::new(context);
            for (name, content) in files(&unit.form(Kind::Standard, number)) {
                let mut file = checker.file(&name, &name);
                file.feed(&content);
                checker.add(file.finish());
            }
            let report = checker.finish();
            assert!(!report.has_errors(), "{:?}", report.findings);
            keys.extend(report.join_keys);
            let attached = files(&unit.form(Kind::Attachments, number));
            assert!(attached.iter().all(|(name, content)| name.ends_with(".pdf") && content.starts_with(PDF)));
        }
        let count = keys.len();
        keys.sort();
        keys.dedup();
        assert!(count >= 4 && keys.len() == count);
    }
}
