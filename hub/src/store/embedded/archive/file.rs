//! An archive as a file: gzip by one compressor at one level, so that the same events give the same bytes.

use crate::failpoint::{self, Point};
use crate::store::StoreError;
use crate::store::embedded::error::refused;
use crate::store::embedded::layout;
use aws_lc_rs::digest::{Context, SHA256};
use careplan_protocol::archive::{Fault, Header, Reader, Writer, month_of};
use careplan_protocol::calendar::Month;
use careplan_protocol::tlog::Hash;
use flate2::read::MultiGzDecoder;
use flate2::write::GzEncoder;
use flate2::{Compression, GzBuilder};
use std::fs::File;
use std::io::{self, BufReader, BufWriter, Read as _};
use std::path::Path;

/// An archive being read.
pub(crate) type Contents = Reader<BufReader<MultiGzDecoder<File>>>;

/// Where its contents are written to.
pub(super) type Into = GzEncoder<BufWriter<File>>;

/// The months that have an archive in a folder, ascending.
pub(crate) fn list(folder: &Path) -> io::Result<Vec<Month>> {
    let entries = match std::fs::read_dir(folder) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        entries => entries?,
    };
    let mut months = Vec::new();
    for entry in entries {
        months.extend(entry?.file_name().to_str().and_then(month_of));
    }
    months.sort_unstable();
    Ok(months)
}

/// Opens an archive and reads what it says of itself.
pub(crate) fn open(path: &Path) -> Result<Contents, Fault> {
    let file = File::open(path).map_err(|error| Fault::Header(error.to_string()))?;
    Reader::open(BufReader::with_capacity(BUFFER, MultiGzDecoder::new(file)))
}

/// Writes an archive, durably, so that it is read from the disk from now on. Returns its SHA-256 and the root of the
/// transparency log's tree with it.
pub(super) fn write(
    path: &Path,
    header: &Header,
    records: impl FnOnce(&mut Writer<Into>) -> Result<(), StoreError>,
) -> Result<([u8; 32], Hash), StoreError> {
    let file = layout::private(path, true).map_err(refused("archive"))?;
    let into = GzBuilder::new()
        .operating_system(ANY_SYSTEM)
        .write(BufWriter::with_capacity(BUFFER, file), Compression::new(LEVEL));
    let mut writer = Writer::begin(into, header).map_err(refused("archive"))?;
    records(&mut writer)?;
    let ended = || {
        let (into, root) = writer.end()?;
        let file = into.finish()?.into_inner().map_err(io::IntoInnerError::into_error)?;
        failpoint::reach(Point::ArchiveSync)?;
        file.sync_all()?;
        rustix::fs::fadvise(&file, 0, None, rustix::fs::Advice::DontNeed)?;
        Ok((sha256(path)?, root))
    };
    ended().map_err(refused("archive"))
}

/// The SHA-256 of a file.
pub(crate) fn sha256(path: &Path) -> io::Result<[u8; 32]> {
    let (mut file, mut piece, mut sum) = (File::open(path)?, vec![0; BUFFER], Context::new(&SHA256));
    loop {
        let read = file.read(&mut piece)?;
        if read == 0 {
            let mut hash = [0; 32];
            hash.copy_from_slice(sum.finish().as_ref());
            return Ok(hash);
        }
        sum.update(piece.get(..read).unwrap_or_default());
    }
}

/// What gzip calls an unknown system: the file says nothing of where it was made.
const ANY_SYSTEM: u8 = 255;
const LEVEL: u32 = 6;
const BUFFER: usize = 256 * 1024;

#[cfg(test)]
mod tests {
    use super::*;
    use careplan_protocol::tlog::Frontier;

    /// A change of the compressor, by us or by an update, would break the promise that the same events give the same bytes.
    #[test]
    fn the_bytes_are_those_that_they_always_were() {
        let month = Month::new(2021, 10).unwrap();
        let header = Header { month, first: 0, next: 900, epochs: (1, 2), before: None, tree: Frontier::default() };
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("archive");
        let (sha256, root) = write(&path, &header, |writer| {
            for position in 0..900_u32 {
                let record = position.wrapping_mul(2_654_435_761).to_be_bytes().repeat(40);
                writer.record(&record, &record).map_err(refused("archive"))?;
            }
            Ok(())
        })
        .unwrap();
        let told = sha256.iter().fold(String::new(), |text, byte| format!("{text}{byte:02x}"));
        assert_eq!((told.as_str(), root.to_string().as_str()), (GOLDEN, ROOT));
        // gzip: no flags, no time, best or fastest not said, no system.
        assert_eq!(std::fs::read(&path).unwrap()[..10], [0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 255]);
    }

    const GOLDEN: &str = "060acfa2c626b840ea058662ec950163378abb2a5e6a310f9678c7a809e46e61";
    const ROOT: &str = "t4oEFjSZdYUcwqTTwckwK7kr9M5MjBdgl778ncefcfA=";
}
