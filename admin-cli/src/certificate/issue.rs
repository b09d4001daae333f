//! `certificate issue` and `certificate register`: one more certificate for an office. Certificates overlap: the old
//! ones go on until they end, are revoked, or were lost.

use crate::failure::Failure;
use crate::files::{self, Mode};
use crate::office::{Maker, report_certificates};
use crate::revoked;
use crate::session::Session;
use careplan_certs::{Facts, Profile, reading, request};
use careplan_protocol::api::{Changed, OfficeRecord, RegisterCertificate};
use careplan_protocol::office::OfficeNumber;
use careplan_protocol::routes;
use careplan_protocol::transfer::Fingerprint;
use clap::Args;
use serde::Serialize;
use std::path::{Path, PathBuf};

/// What to issue.
#[derive(Debug, Args)]
#[command(after_long_help = HELP)]
pub(crate) struct IssueArguments {
    /// The office
    #[arg(long, value_name = "NUMBER")]
    office: OfficeNumber,
    /// What the office calls the device
    #[arg(long, value_name = "TEXT", default_value = "端末")]
    label: String,
    /// Take the key from a signing request (PKCS#10, PEM or DER) instead of making one
    #[arg(long, value_name = "FILE")]
    csr: Option<PathBuf>,
    /// Folder for the bundle and passphrases.csv
    #[arg(long, value_name = "DIR", required_unless_present = "dry_run")]
    out: Option<PathBuf>,
    #[command(flatten)]
    why: Why,
}

/// What to register.
#[derive(Debug, Args)]
#[command(
    after_long_help = "Example:\n  careplan-admin certificate register --office 1379999012 eclaims.crt --label '請求端末'"
)]
pub(crate) struct RegisterArguments {
    /// The certificate, PEM or DER
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// The office
    #[arg(long, value_name = "NUMBER")]
    office: OfficeNumber,
    /// What the office calls the device
    #[arg(long, value_name = "TEXT", default_value = "端末")]
    label: String,
    #[command(flatten)]
    why: Why,
}

/// Why a certificate is issued.
#[derive(Debug, Args)]
struct Why {
    /// `device`, `renewal`, `lost` (revokes the old ones in the same step) or free text
    #[arg(long, value_name = "TEXT", default_value = "device")]
    reason: String,
    /// With --reason lost: how the person was identified; stands in the log
    #[arg(long, value_name = "TEXT", default_value = "", hide_default_value = true, required_if_eq("reason", "lost"))]
    verified_by: String,
    /// With --reason lost: which certificates were lost [default: all of the office]
    #[arg(long, value_name = "FINGERPRINT", value_delimiter = ',')]
    revokes: Vec<Fingerprint>,
    /// Say what would be done, but issue and change nothing
    #[arg(long)]
    dry_run: bool,
}

/// What a dry run tells.
#[derive(Debug, Serialize)]
struct Plan {
    office: OfficeNumber,
    label: String,
    would_revoke: Vec<Fingerprint>,
}

/// Issues a certificate.
pub(super) async fn run(session: &Session, what: IssueArguments) -> Result<(), Failure> {
    let hub = session.hub()?;
    let office = hub.known_office(what.office).await?;
    let key = what
        .csr
        .as_ref()
        .map(|file| files::read(file).and_then(|bytes| Ok(request::public_key(&bytes)?)))
        .transpose()?;
    let (Some(out), false) = (&what.out, what.why.dry_run) else {
        return plan(session, &office, &what.label, &what.why);
    };
    let mut maker = Maker::new(session, out)?;
    // The name tells bundles of one office apart, and is there before the certificate's fingerprint is.
    let name = format!("{}-{}", what.office, session.now().strftime("%Y%m%dT%H%M%SZ"));
    let folder = files::free(&out.join(name));
    let (certificate, facts) = match &key {
        None => {
            let bundle = maker.make(what.office, &office.name, &what.label, folder.clone())?;
            (bundle.certificate, bundle.facts)
        }
        Some(key) => {
            let profile = Profile::Office { office: what.office, name: office.name.clone(), label: what.label.clone() };
            let now = session.now();
            let template = profile.template(&maker.home().settings.lifetimes, now);
            let issued = maker.authority().issue(&template, key, now, &session.randomness)?;
            write_chain(&folder, what.office, &issued.pem, &maker.home().ca_pem()?)?;
            (issued.pem, issued.facts)
        }
    };
    let body = what.why.body(certificate, &what.label);
    let change = hub.change(routes::ADMIN_OFFICE_CERTIFICATES, what.office, &body);
    let notes = what.why.loses(&office).into_iter().map(|one| revoked::ending(one, session.now(), &what.why.reason));
    let changed = match revoked::noted(maker.home(), notes.collect(), change).await {
        Ok(changed) => changed,
        Err(Failure::Partly(_)) => {
            return Err(Failure::Partly(format!(
                "in doubt: the hub did not answer. If `office show {}` does not name certificate {}, register {}/{}.crt.",
                what.office,
                facts.fingerprint,
                folder.display(),
                what.office
            )));
        }
        Err(failure) => {
            discard(&mut maker, folder, facts, key.is_none())?;
            return Err(failure);
        }
    };
    session.output.remark(&format!("bundle: {}", folder.display()));
    report_certificates(session, &changed, false)
}

/// Registers a certificate that is there already.
pub(super) async fn register(session: &Session, what: RegisterArguments) -> Result<(), Failure> {
    let bytes = files::read(&what.file)?;
    let facts = reading::certificate(&bytes)?;
    if let Some(other) = facts.offices.iter().find(|named| **named != what.office) {
        return Err(Failure::Refused(format!("this certificate names another office, {other}")));
    }
    let body = what.why.body(reading::pem(&reading::der(&bytes)?), &what.label);
    let changed: Changed = session.hub()?.change(routes::ADMIN_OFFICE_CERTIFICATES, what.office, &body).await?;
    report_certificates(session, &changed, what.why.dry_run)
}

impl Why {
    fn body(&self, certificate: String, label: &str) -> RegisterCertificate {
        RegisterCertificate {
            certificate,
            label: label.to_owned(),
            reason: self.reason.clone(),
            verified_by: self.verified_by.clone(),
            revokes: self.revokes.clone(),
            dry_run: self.dry_run,
        }
    }

    /// Which certificates of an office this loses.
    fn loses(&self, office: &OfficeRecord) -> Vec<Fingerprint> {
        let lost = self.reason == "lost";
        let live = office.certificates.iter().filter(|found| lost && found.revoked_at.is_none());
        live.map(|found| found.fingerprint)
            .filter(|one| self.revokes.is_empty() || self.revokes.contains(one))
            .collect()
    }
}

fn plan(session: &Session, office: &OfficeRecord, label: &str, why: &Why) -> Result<(), Failure> {
    let plan = Plan { office: office.office, label: label.to_owned(), would_revoke: why.loses(office) };
    session.output.show(&plan, |plan| {
        let revoked: String = plan.would_revoke.iter().map(|one| format!("\nwould revoke {one}")).collect();
        format!("would add a certificate for {} ({}){revoked}\nDry run: nothing was changed.", plan.office, plan.label)
    })
}

fn write_chain(folder: &Path, office: OfficeNumber, certificate: &str, ca: &str) -> Result<(), Failure> {
    files::make_folder(folder)?;
    files::replace(&folder.join(format!("{office}.crt")), certificate.as_bytes(), Mode::Open)?;
    files::replace(&folder.join("ca.crt"), ca.as_bytes(), Mode::Open)
}

fn discard(maker: &mut Maker<'_>, folder: PathBuf, facts: Facts, sealed: bool) -> Result<(), Failure> {
    match sealed {
        true => maker.discard(&crate::office::Bundle { folder, certificate: String::new(), facts }),
        false => std::fs::remove_dir_all(&folder).map_err(|why| Failure::file(&folder, why)),
    }
}

const HELP: &str = "\
Examples:
  careplan-admin certificate issue --office 1379999012 --label '2階のパソコン' --out bundles
  careplan-admin certificate issue --office 1379999012 --csr device.csr --out bundles
  careplan-admin certificate issue --office 1379999012 --reason lost --verified-by 'called back at the registered number' --out bundles

Makes DIR/NUMBER-TIME/ with the bundle (with --csr: certificate and authority only). The passphrase is in
DIR/passphrases.csv. With --reason lost the old certificates are revoked in the same step.";
