//! The program `careplan-admin`: operators enrol offices, issue certificates, grant licences and look after the hub;
//! auditors search its log.
//!
//! Outside in:
//! - `arguments`: the command line;
//! - `init`, `office`, `certificate`, `person`, `licence`, `usage`, `log`, `status`, `doctor`, `generated`: one module
//!   per word of it;
//! - `hub`: the hub's admin API; `home`: the folder that holds authority, certificate and settings;
//! - `output`, `failure`, `files`, `passphrase`, `credential`, `revoked`: what commands are made of.

mod arguments;
mod certificate;
mod credential;
mod doctor;
mod failure;
mod files;
mod generated;
mod home;
mod hub;
mod init;
mod licence;
mod log;
mod office;
mod output;
mod passphrase;
mod person;
mod revoked;
mod session;
mod status;
mod usage;

use arguments::{Arguments, Command};
use clap::Parser as _;
use failure::Failure;
use session::Session;
use std::process::ExitCode;

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let json = arguments.global.json;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let outcome = match runtime {
        Ok(runtime) => runtime.block_on(run(arguments)),
        Err(why) => Err(Failure::file("the runtime", why)),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            output::failure(&failure, json);
            ExitCode::from(failure.exit_code())
        }
    }
}

async fn run(arguments: Arguments) -> Result<(), Failure> {
    let session = Session::new(arguments.global);
    match arguments.command {
        Command::Init(what) => init::run(&session, &what),
        Command::Office(what) => office::run(&session, what).await,
        Command::Certificate(what) => certificate::run(&session, what).await,
        Command::Operator(what) => person::operator(&session, what).await,
        Command::Auditor(what) => person::auditor(&session, what).await,
        Command::Licence(what) => licence::run(&session, what).await,
        Command::Usage(what) => usage::run(&session, &what).await,
        Command::Log(what) => log::run(&session, what).await,
        Command::Status => status::status(&session).await,
        Command::Whoami => status::whoami(&session).await,
        Command::Clock(what) => status::clock(&session, &what).await,
        Command::Doctor(what) => doctor::run(&session, &what).await,
        Command::Completions { shell } => generated::completions(&session, shell),
        Command::Man { out } => generated::man(&session, &out),
    }
}
