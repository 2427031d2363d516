//! What an operator may set.

use std::collections::BTreeMap;
use std::time::Duration;

use transom_plugin_api::{Secret, Settings, StartError};

use crate::definition::{Definition, Fault, Terms};
use crate::pattern::Choice;

/// Servers that an operator may name.
const MOST: usize = 64;

/// What an operator may set.
///
/// ```
/// use transom_mcp::Mcp;
/// use transom_plugin_api::Settings;
///
/// let four_lines = r#"{"servers": {"files": {"command": ["npx", "-y", "@modelcontextprotocol/server-filesystem", "/tmp"]}}}"#;
/// assert!(Mcp::from_json(four_lines).is_ok());
/// ```
#[derive(Debug, Settings)]
pub struct Mcp {
    /// Servers by name, which is what stands before the `__` in the names of their tools: 1 to 64 characters of A–Z a–z 0–9 - _ .
    pub servers: BTreeMap<String, Server>,
    /// Whether the servers of a working folder's `.mcp.json` are used, once it is trusted.
    #[setting(default = true)]
    pub folder_servers: bool,
    /// Milliseconds that a turn waits for servers that are being started for the first time, so that their tools are there. 0 for none.
    #[setting(default = 2_000, max = 4_000)]
    pub wait_ms: u64,
}

/// A server.
#[derive(Debug, Settings)]
pub struct Server {
    /// Program and arguments of a server that is started as a process; it runs in the first of the `roots`.
    pub command: Vec<String>,
    /// Variables of its environment, beside `PATH`, `HOME`, `LANG`, `LC_*`, `TERM` and `TMPDIR`.
    pub environment: BTreeMap<String, Secret>,
    /// Address of a server that is reached over HTTP, in place of `command`.
    pub url: Option<String>,
    /// Headers of every request to it, such as `Authorization`.
    pub headers: BTreeMap<String, Secret>,
    /// Whether it is left alone. A server of that name in a folder's file is, too.
    #[setting(default = false)]
    pub disabled: bool,
    /// Seconds that a call may take. At least 1.
    #[setting(default = 60, min = 1, max = 3600)]
    pub timeout_s: u64,
    /// Seconds that it may take to start. At least 1.
    #[setting(default = 10, min = 1, max = 600)]
    pub start_timeout_s: u64,
    /// Its tools that are offered, by their own names; `*` stands for any characters. All of them when left out.
    pub tools: Vec<String>,
    /// Its tools that are not offered, whatever `tools` says.
    pub without: Vec<String>,
}

impl Mcp {
    /// The servers, as far as they can be some.
    pub(crate) fn definitions(self) -> Result<Vec<Definition>, StartError> {
        if self.servers.len() > MOST {
            let count = self.servers.len();
            return Err(StartError::new(format!(
                "setting `servers` has {count} servers, expected at most {MOST}"
            )));
        }
        let refused =
            |fault: Fault| StartError::new(format!("setting `servers`: {}", fault.problem)).help(fault.help);
        self.servers.into_iter().map(|(name, server)| server.definition(&name).map_err(refused)).collect()
    }
}

impl Server {
    fn definition(self, name: &str) -> Result<Definition, Fault> {
        let terms = Terms {
            is_disabled: self.disabled,
            call: Duration::from_secs(self.timeout_s),
            start: Duration::from_secs(self.start_timeout_s),
            choice: Choice { tools: self.tools, without: self.without },
        };
        Definition::new(name, self.command, self.environment, self.url.as_deref(), self.headers, terms)
    }
}
