//! A server's process and its children: their processor time, their memory; cores and file handles.

use anyhow::{Context as _, Result, ensure};
use std::path::{Path, PathBuf};
use std::process::{Child, Command};
use std::time::Duration;

/// A running server. It is killed when this goes.
#[derive(Debug)]
pub struct Server {
    child: Child,
    command: Command,
}

impl Server {
    /// Starts it on the server's core.
    ///
    /// # Errors
    /// When it cannot be started.
    pub fn start(program: &Path, prepare: impl FnOnce(&mut Command)) -> Result<Self> {
        let mut command = Command::new("taskset");
        command.args(["-c", SERVER_CORE]).arg(program);
        prepare(&mut command);
        let child = command.spawn().with_context(|| format!("taskset -c {SERVER_CORE} {}", program.display()))?;
        Ok(Self { child, command })
    }

    /// Whether it still runs.
    ///
    /// # Errors
    /// When the system does not say.
    pub fn is_running(&mut self) -> Result<bool> {
        Ok(self.child.try_wait()?.is_none())
    }

    /// The processor time that it and its children have used.
    ///
    /// # Errors
    /// When the system does not say.
    pub fn processor_time(&self) -> Result<Duration> {
        let stat = |id: u32| PathBuf::from(format!("/proc/{id}/stat"));
        Ok(duration(self.family()?.into_iter().map(|id| ticks(&stat(id)).unwrap_or_default()).sum()))
    }

    /// Bytes of memory that it and its children hold now.
    ///
    /// # Errors
    /// When the system does not say.
    pub fn memory(&self) -> Result<u64> {
        self.family()?.into_iter().map(|id| status(id, "VmRSS:")).sum()
    }

    /// The processor time that those of its threads have used that bear this name.
    ///
    /// # Errors
    /// When the system does not say.
    pub fn thread_time(&self, name: &str) -> Result<Duration> {
        let mut used = 0;
        for task in std::fs::read_dir(format!("/proc/{}/task", self.child.id()))? {
            let task = task?.path();
            // A thread may end between being listed and being looked at.
            let its_name = std::fs::read_to_string(task.join("comm")).unwrap_or_default();
            if its_name.trim_end() == name {
                used += ticks(&task.join("stat")).unwrap_or_default();
            }
        }
        Ok(duration(used))
    }

    /// Its process id.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Asks it to stop and waits for its end.
    ///
    /// # Errors
    /// When it does not go.
    pub fn stop(&mut self) -> Result<()> {
        self.signal(rustix::process::Signal::TERM)?;
        self.child.wait()?;
        Ok(())
    }

    /// Kills it, and starts it again as it was.
    ///
    /// # Errors
    /// When one of the two fails.
    pub fn kill_and_start(&mut self) -> Result<()> {
        self.child.kill()?;
        self.child.wait()?;
        self.start_again()
    }

    /// Starts it again as it was.
    ///
    /// # Errors
    /// When it cannot be started.
    pub fn start_again(&mut self) -> Result<()> {
        self.child = self.command.spawn()?;
        Ok(())
    }

    fn signal(&self, signal: rustix::process::Signal) -> Result<()> {
        let id = rustix::process::Pid::from_child(&self.child);
        Ok(rustix::process::kill_process(id, signal)?)
    }

    fn family(&self) -> Result<Vec<u32>> {
        let parent = self.child.id();
        let listed = std::fs::read_to_string(format!("/proc/{parent}/task/{parent}/children"))?;
        let children = listed.split_whitespace().filter_map(|id| id.parse().ok());
        Ok(std::iter::once(parent).chain(children).collect())
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // nginx ends its workers on TERM only; who has gone already minds neither.
        let _ = self.signal(rustix::process::Signal::TERM);
        for _ in 0..2400 {
            if !matches!(self.child.try_wait(), Ok(None)) {
                return;
            }
            std::thread::sleep(Duration::from_millis(25));
        }
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Pins this process, and every thread that it starts from here on, to the generator's core. Whether there is one.
///
/// # Errors
/// When the system refuses.
pub fn pin_generator() -> Result<bool> {
    if std::thread::available_parallelism()?.get() < 2 {
        return Ok(false);
    }
    let id = std::process::id().to_string();
    let output = Command::new("taskset").args(["-c", "-p", GENERATOR_CORE, &id]).output().context("taskset")?;
    ensure!(output.status.success(), "taskset: {}", String::from_utf8_lossy(&output.stderr));
    Ok(true)
}

/// For how long the machine's host has given the server's core to others since it runs.
///
/// # Errors
/// When the system does not say.
pub fn stolen() -> Result<Duration> {
    let stat = std::fs::read_to_string("/proc/stat").context("/proc/stat")?;
    let line = stat.lines().find_map(|line| line.strip_prefix(&format!("cpu{SERVER_CORE} ")));
    // user, nice, system, idle, iowait, irq, softirq, steal
    let ticks = line.and_then(|line| line.split_whitespace().nth(7)?.parse().ok());
    Ok(duration(ticks.context("/proc/stat says nothing of the server's core")?))
}

/// Allows as many open files as the system lets us; gives that number.
///
/// # Errors
/// When the system refuses.
pub fn raise_file_handles() -> Result<u64> {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    let now = getrlimit(Resource::Nofile);
    setrlimit(Resource::Nofile, Rlimit { current: now.maximum, maximum: now.maximum })?;
    Ok(now.maximum.unwrap_or(u64::MAX))
}

/// User and system ticks: the 14th and 15th field, counted behind the name, which may hold anything.
fn ticks(stat: &Path) -> Option<u64> {
    let stat = std::fs::read_to_string(stat).ok()?;
    let mut fields = stat.rsplit_once(')')?.1.split_whitespace().skip(11);
    let user: u64 = fields.next()?.parse().ok()?;
    let system: u64 = fields.next()?.parse().ok()?;
    Some(user + system)
}

fn duration(ticks: u64) -> Duration {
    Duration::from_secs_f64(ticks as f64 / rustix::param::clock_ticks_per_second() as f64)
}

fn status(id: u32, name: &str) -> Result<u64> {
    let status = std::fs::read_to_string(format!("/proc/{id}/status"))?;
    let line = status.lines().find_map(|line| line.strip_prefix(name)).with_context(|| format!("no {name}"))?;
    let kilobytes: u64 = line.trim().trim_end_matches(" kB").trim().parse()?;
    Ok(kilobytes * 1024)
}

/// The server has this core for itself.
pub const SERVER_CORE: &str = "0";
/// The generator has this one.
pub const GENERATOR_CORE: &str = "1";
