//! The peer: Debian's nginx as a plain file server over the same mutual TLS. It does not sync, index, encrypt or log.

use super::papers::Papers;
use super::process::Server;
use crate::wire::Door;
use anyhow::{Context as _, Result, bail};
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

/// A running nginx.
#[derive(Debug)]
pub struct Nginx {
    /// Its processes: a master and one worker.
    pub server: Server,
    /// The doors of the same offices.
    pub doors: Vec<Door>,
    folder: PathBuf,
}

impl Nginx {
    /// Starts it in a new folder.
    ///
    /// # Errors
    /// When it is not installed, or does not start.
    pub async fn start(folder: &Path, papers: &Papers) -> Result<Self> {
        let port = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?.port();
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
        for made in ["files", "body", "unused"] {
            std::fs::create_dir_all(folder.join(made))?;
        }
        std::fs::write(folder.join("server.crt"), &papers.server.certificate)?;
        std::fs::write(folder.join("server.key"), &papers.server.key)?;
        std::fs::write(folder.join("ca.crt"), &papers.authority)?;
        let user = if rustix::process::geteuid().is_root() { "user root;" } else { "" };
        let text = CONFIGURATION.replace("USER", user).replace("ADDRESS", &address.to_string());
        std::fs::write(folder.join("nginx.conf"), text)?;
        let server = Server::start(Path::new("nginx"), |command| {
            command.arg("-p").arg(folder).args(["-c", "nginx.conf", "-e", "error.log"]);
        })
        .context("nginx; on Debian: apt-get install nginx-light")?;
        let doors = papers.offices.iter();
        let doors = doors.map(|(_, paper)| Door::new(address, &papers.authority, &paper.certificate, &paper.key));
        let nginx = Self { server, doors: doors.collect::<Result<_>>()?, folder: folder.to_owned() };
        nginx.wait(address).await?;
        Ok(nginx)
    }

    /// The path of a file by its number. Many folders, as nobody keeps a hundred thousand files in one.
    pub fn path(name: &str, n: u64) -> String {
        format!("/{name}/{}/{n}.pdf", n % FOLDERS)
    }

    /// Throws away what was put, when it is large. Many small files stay to the end: for minutes after they are deleted ext4
    /// searches long for every new file's inode (it does not give out again what was freed lately), and the peer would be
    /// slowed to a fifth by its own tidying.
    ///
    /// # Errors
    /// When the disk refuses.
    pub fn clear(&self) -> Result<()> {
        let files = self.folder.join("files");
        std::fs::remove_dir_all(&files)?;
        std::fs::create_dir_all(&files)?;
        Ok(())
    }

    async fn wait(&self, address: SocketAddr) -> Result<()> {
        for _ in 0..500 {
            if tokio::net::TcpStream::connect(address).await.is_ok() {
                return Ok(());
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        let said = std::fs::read_to_string(self.folder.join("error.log")).unwrap_or_default();
        bail!("nginx did not start: {said}")
    }
}

/// Its name and version, as it says.
pub fn version() -> Option<String> {
    let output = Command::new("nginx").arg("-v").output().ok()?;
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    said.split(": ").nth(1).map(|version| version.trim().to_owned())
}

const FOLDERS: u64 = 64;

/// One worker on the one core; as many requests per connection as come; nothing that is not needed.
const CONFIGURATION: &str = "
daemon off;
worker_processes 1;
pid nginx.pid;
error_log error.log crit;
USER
worker_rlimit_nofile 20000;
events { worker_connections 15000; }
http {
    access_log off;
    client_body_temp_path body;
    proxy_temp_path unused;
    fastcgi_temp_path unused;
    uwsgi_temp_path unused;
    scgi_temp_path unused;
    client_max_body_size 64m;
    keepalive_requests 1000000000;
    keepalive_timeout 3600s;
    sendfile on;
    tcp_nopush on;
    server {
        listen ADDRESS ssl backlog=4096;
        ssl_certificate server.crt;
        ssl_certificate_key server.key;
        ssl_client_certificate ca.crt;
        ssl_verify_client on;
        ssl_protocols TLSv1.3;
        ssl_ecdh_curve X25519;
        ssl_session_cache off;
        ssl_session_tickets off;
        root files;
        location / { dav_methods PUT; create_full_put_path on; }
    }
}
";
