//! Send units that travel: those of `tests/samples/good`, as they are or under another 連番.

use anyhow::{Context as _, Result, ensure};
use bytes::Bytes;
use careplan_protocol::office::Address;
use careplan_protocol::standard::StandardName;
use std::path::{Path, PathBuf};

/// One send unit.
#[derive(Debug, Clone)]
pub struct Unit {
    /// The name of its folder.
    pub name: String,
    /// Its folder.
    pub folder: PathBuf,
    /// Who sends.
    pub from: Address,
    /// Who receives.
    pub to: Address,
    /// Its files, by name.
    pub files: Vec<(String, Bytes)>,
}

/// The folder of the samples.
pub fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("samples")
}

/// All units, by name.
///
/// # Errors
/// When they cannot be read.
pub fn units() -> Result<Vec<Unit>> {
    let mut folders: Vec<PathBuf> = std::fs::read_dir(folder().join("good"))?
        .map(|entry| entry.map(|entry| entry.path()))
        .collect::<Result<_, _>>()?;
    folders.retain(|path| path.is_dir());
    folders.sort();
    folders.iter().map(|folder| read(folder)).collect()
}

/// The unit whose folder's name begins so, such as `08`.
///
/// # Errors
/// When there is none.
pub fn unit(beginning: &str) -> Result<Unit> {
    let found = units()?.into_iter().find(|unit| unit.name.starts_with(beginning));
    found.with_context(|| format!("no sample begins with {beginning}"))
}

/// The numbers of all offices.
///
/// # Errors
/// When they cannot be read.
pub fn offices() -> Result<std::collections::BTreeSet<String>> {
    let mut table = csv::Reader::from_path(folder().join("offices.csv"))?;
    table.records().map(|row| Ok(row?.get(0).unwrap_or_default().to_owned())).collect()
}

/// So many bytes that begin as a PDF does.
pub fn pdf(size: usize) -> Vec<u8> {
    let mut bytes = b"%PDF-1.7".to_vec();
    bytes.resize(size.max(bytes.len()), b'x');
    bytes
}

impl Unit {
    /// The same unit under another 連番, the `n`-th after a fixed one.
    ///
    /// # Errors
    /// When its names are not standard ones.
    pub fn stamped(&self, n: u64) -> Result<Self> {
        let stamp = format!("{:014}", 20_270_101_000_000 + n);
        let mut unit = self.clone();
        for (name, _) in &mut unit.files {
            let old = standard(name)?.stamp.to_string();
            *name = name.replace(&old, &stamp);
        }
        Ok(unit)
    }

    /// Writes its files into a folder.
    ///
    /// # Errors
    /// When they cannot be written.
    pub fn write(&self, folder: &Path) -> Result<Vec<PathBuf>> {
        std::fs::create_dir_all(folder)?;
        let mut paths = Vec::new();
        for (name, bytes) in &self.files {
            let path = folder.join(name);
            std::fs::write(&path, bytes)?;
            paths.push(path);
        }
        Ok(paths)
    }
}

fn read(folder: &Path) -> Result<Unit> {
    let mut files = Vec::new();
    for entry in std::fs::read_dir(folder)? {
        let path = entry?.path();
        let name = path.file_name().and_then(|name| name.to_str()).context("a name")?.to_owned();
        files.push((name, Bytes::from(std::fs::read(path)?)));
    }
    files.sort();
    ensure!(!files.is_empty(), "{} is empty", folder.display());
    let first = standard(&files[0].0)?;
    let name = folder.file_name().and_then(|name| name.to_str()).context("a name")?.to_owned();
    Ok(Unit { name, folder: folder.to_owned(), from: first.from, to: first.to, files })
}

fn standard(name: &str) -> Result<StandardName> {
    StandardName::parse(name)?.with_context(|| format!("{name} is no standard name"))
}
