//! What all programs have in common.

use anyhow::{Result, ensure};
use careplan_tests::world::PLAN;
use careplan_tests::{World, programs};

#[tokio::test]
async fn every_program_has_help_with_examples_and_a_version() -> Result<()> {
    for program in ["careplan-hub", "careplan-admin", "careplan", "careplan-loadtest"] {
        let help = programs::run(programs::command(programs::built(program)?).arg("--help")).await?.ok()?;
        ensure!(help.stdout.contains("Usage:"), "{}", help.stdout);
        let wrong = programs::run(programs::command(programs::built(program)?).arg("--no-such-thing")).await?;
        ensure!(wrong.code == 2 && wrong.stdout.is_empty(), "{wrong:?}");
        if program != "careplan-hub" {
            programs::run(programs::command(programs::built(program)?).arg("--version")).await?.ok()?;
        }
    }
    let version = programs::run(programs::command(programs::built("careplan-hub")?).arg("version")).await?.ok()?;
    ensure!(version.stdout.contains(env!("CARGO_PKG_VERSION")), "{}", version.stdout);
    Ok(())
}

#[tokio::test]
async fn completions_and_manual_pages_are_made_of_the_arguments() -> Result<()> {
    let folder = tempfile::tempdir()?;
    for (program, option) in [("careplan", "--into"), ("careplan-admin", "--out")] {
        for shell in ["bash", "zsh", "fish", "powershell"] {
            let mut command = programs::command(programs::built(program)?);
            let made = programs::run(command.args(["completions", shell])).await?.ok()?;
            ensure!(made.stdout.contains(program), "{program} {shell}");
        }
        let into = folder.path().join(program);
        let mut command = programs::command(programs::built(program)?);
        programs::run(command.arg("man").arg(option).arg(&into)).await?.ok()?;
        let pages = std::fs::read_dir(&into)?.count();
        ensure!(pages > 5, "{program}: {pages} pages");
    }
    Ok(())
}

#[tokio::test]
async fn an_office_that_is_not_set_up_learns_what_to_do() -> Result<()> {
    let folder = tempfile::tempdir()?;
    for (language, words) in [("ja", "careplan setup"), ("en", "careplan setup")] {
        let mut command = programs::command(programs::built("careplan")?);
        command.env("CAREPLAN_HOME", folder.path()).args(["--lang", language, "inbox"]);
        let outcome = programs::run(&mut command).await?;
        ensure!(outcome.code != 0 && outcome.stdout.is_empty() && outcome.stderr.contains(words), "{outcome:?}");
    }
    Ok(())
}

#[tokio::test]
async fn setup_refuses_a_wrong_passphrase_and_what_is_no_bundle() -> Result<()> {
    let world = World::new().await?;
    let plan = world.office(PLAN)?;
    let (wrong, file) = (world.path("wrong.txt"), world.path("no.careplan"));
    std::fs::write(&wrong, "not the passphrase\n")?;
    std::fs::write(&file, "{}")?;
    let with = |bundle: &std::path::Path| {
        ["setup".into(), bundle.into(), "--passphrase-file".into(), wrong.clone().into_os_string()]
            as [std::ffi::OsString; 4]
    };
    let outcome = plan.careplan(with(&plan.bundle)).await?;
    ensure!(outcome.code == 1 || outcome.code == 2, "{outcome:?}");
    ensure!(plan.careplan(with(&file)).await?.code != 0);
    ensure!(!plan.home.join(PLAN).join("profile.json").exists());
    Ok(())
}

#[tokio::test]
async fn output_in_json_is_one_document_and_errors_are_json_too() -> Result<()> {
    let world = World::new().await?;
    let plan = world.office(PLAN)?.set_up().await?;
    for command in [vec!["inbox"], vec!["sent"], vec!["status"], vec!["directory"], vec!["log"]] {
        plan.careplan_json(command).await?;
    }
    let refused = plan.careplan(["--json", "recall", "1-99999999-6"]).await?.exited(1)?;
    let said = format!("{}{}", refused.stdout, refused.stderr);
    ensure!(said.contains("not-found"), "{said}");
    let directory = plan.careplan(["directory", "デイ"]).await?.ok()?;
    ensure!(directory.stdout.contains("1379999038"), "{}", directory.stdout);
    let status = plan.careplan(["--lang", "ja", "status"]).await;
    // `--lang` also stands in the environment of the harness; the argument wins.
    ensure!(status?.ok()?.stdout.contains("ライセンス"));
    Ok(())
}

#[tokio::test]
async fn a_closed_pipe_ends_a_program_quietly() -> Result<()> {
    let world = World::new().await?;
    let plan = world.office(PLAN)?.set_up().await?;
    let program = programs::built("careplan")?;
    let script = format!("'{}' directory | true", program.display());
    let mut shell = programs::command("bash");
    let outcome = programs::run(shell.env("CAREPLAN_HOME", &plan.home).args(["-c", &script])).await?;
    ensure!(!outcome.stderr.contains("panick"), "{}", outcome.stderr);
    Ok(())
}
