//! The transfers to send: sample units under a 連番 of their own each. Number `n` is always the same transfer, so that a run
//! can be repeated and what arrived be compared without a list.

use anyhow::{Context as _, Result, ensure};
use bytes::Bytes;
use careplan_protocol::office::Address;
use careplan_protocol::standard::StandardName;
use jiff::civil::{DateTime, datetime};
use std::path::{Path, PathBuf};

/// Sample units to make transfers of.
#[derive(Debug, Clone)]
pub struct Corpus(Vec<Sample>);

#[derive(Debug, Clone)]
struct Sample {
    from: Address,
    to: Address,
    stamp: String,
    files: Vec<(String, Bytes)>,
}

/// One transfer to send.
#[derive(Debug, Clone)]
pub struct Load {
    /// Its number.
    pub n: u64,
    /// Who sends.
    pub from: Address,
    /// Who receives.
    pub to: Address,
    /// Its files, by name.
    pub files: Vec<(String, Bytes)>,
}

impl Corpus {
    /// Reads a folder with one folder per unit, such as `tests/samples/good`.
    ///
    /// # Errors
    /// When it cannot be read, or a name is not the standard's.
    pub fn read(folder: &Path) -> Result<Self> {
        let units = folders(folder)?.iter().map(|unit| Sample::read(unit)).collect::<Result<Vec<_>>>()?;
        ensure!(!units.is_empty(), "{} has no folder with a unit", folder.display());
        Ok(Self(units))
    }

    /// The transfer with this number.
    pub fn load(&self, n: u64) -> Load {
        let sample = &self.0[(n % self.0.len() as u64) as usize];
        let stamp = stamp(n);
        let files = sample.files.iter().map(|(name, bytes)| (name.replace(&sample.stamp, &stamp), bytes.clone()));
        Load { n, from: sample.from, to: sample.to, files: files.collect() }
    }

    /// Every sample once.
    pub fn samples(&self) -> impl Iterator<Item = Load> {
        (0..self.0.len() as u64).map(|n| self.load(n))
    }

    /// Everybody who sends something.
    pub fn senders(&self) -> Vec<Address> {
        let mut senders: Vec<Address> = self.0.iter().map(|sample| sample.from).collect();
        senders.sort_unstable();
        senders.dedup();
        senders
    }

    /// Writes the transfers `0..count` as files, one folder each, as `careplan send` takes them.
    ///
    /// # Errors
    /// When the disk refuses.
    pub fn write(&self, count: u64, out: &Path) -> Result<()> {
        for n in 0..count {
            let load = self.load(n);
            let folder = out.join(format!("{n:06}_{}_{}", load.from, load.to));
            std::fs::create_dir_all(&folder).with_context(|| folder.display().to_string())?;
            for (name, bytes) in &load.files {
                std::fs::write(folder.join(name), bytes)?;
            }
        }
        Ok(())
    }
}

impl Sample {
    fn read(folder: &Path) -> Result<Self> {
        let mut files = Vec::new();
        for path in entries(folder)? {
            let name = path.file_name().and_then(|name| name.to_str()).context("a file name")?;
            files.push((name.to_owned(), Bytes::from(std::fs::read(&path)?)));
        }
        let (first, _) = files.first().with_context(|| format!("{} is empty", folder.display()))?;
        let name = StandardName::parse(first)?.with_context(|| format!("{first} is no standard name"))?;
        Ok(Self { from: name.from, to: name.to, stamp: name.stamp.to_string(), files })
    }
}

/// A 連番 is an instant of the sender's clock: so many seconds after the first of December.
pub(crate) fn stamp(n: u64) -> String {
    let at = BEGIN.checked_add(jiff::SignedDuration::from_secs(n.try_into().unwrap_or(i64::MAX))).unwrap_or(BEGIN);
    at.strftime("%Y%m%d%H%M%S").to_string()
}

fn folders(folder: &Path) -> Result<Vec<PathBuf>> {
    Ok(entries(folder)?.into_iter().filter(|path| path.is_dir()).collect())
}

fn entries(folder: &Path) -> Result<Vec<PathBuf>> {
    let read = std::fs::read_dir(folder).with_context(|| folder.display().to_string())?;
    let mut paths = read.map(|entry| entry.map(|entry| entry.path())).collect::<Result<Vec<_>, _>>()?;
    paths.sort();
    Ok(paths)
}

/// The insured numbers of the samples.
pub(crate) const PERSONS: [&[u8]; 4] = [b"9935589619", b"9923120276", b"H935394463", b"9950383477"];
const BEGIN: DateTime = datetime(2026, 12, 1, 0, 0, 0, 0);

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn every_number_is_a_legal_unit_with_names_of_its_own() {
        let samples = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/samples/good");
        let corpus = Corpus::read(&samples).unwrap();
        let mut seen = HashSet::new();
        for n in 0..500 {
            let load = corpus.load(n);
            let names: Vec<_> =
                load.files.iter().map(|(name, _)| StandardName::parse(name).unwrap().unwrap()).collect();
            assert!(careplan_protocol::standard::Unit::of(&names).unwrap().is_some());
            assert!(load.files.into_iter().all(|(name, _)| seen.insert(name)));
        }
        assert!(corpus.senders().len() >= 4);
    }
}
