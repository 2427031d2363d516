//! A folder's `.mcp.json`: how it is read, and which servers it names.

use std::collections::BTreeMap;
use std::io::{self, Read};
use std::path::Path;

use cap_std::ambient_authority;
use cap_std::fs::{Dir, OpenOptions, OpenOptionsExt};
use serde_json::{Map, Value};
use sha2::{Digest, Sha256};
use transom_agent::refusal::shown;
use transom_plugin_api::Secret;

use crate::definition::{Definition, Terms};

/// The file.
pub(crate) const NAME: &str = ".mcp.json";
/// Bytes of it.
const LARGEST: u64 = 256 << 10;
/// Servers in it.
const MOST: usize = 16;

/// What was found in a folder.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Sight {
    /// There is no such file.
    Missing,
    /// There is something that is not read, for this reason.
    Unfit(String),
    /// A file that may be read.
    Said { sha256: String, bytes: Vec<u8> },
}

/// What a folder's file says. Asks the disk; neither leaves the folder nor waits for anybody.
pub(crate) fn look(folder: &Path) -> Sight {
    match read(folder) {
        Ok(bytes) if bytes.len() as u64 > LARGEST => {
            Sight::Unfit(format!("it has more than {LARGEST} bytes"))
        }
        Ok(bytes) => Sight::Said { sha256: format!("{:x}", Sha256::digest(&bytes)), bytes },
        Err(error) if error.kind() == io::ErrorKind::NotFound => Sight::Missing,
        // So says the handle of the folder; what the system itself denies has a number.
        Err(error) if error.kind() == io::ErrorKind::PermissionDenied && error.raw_os_error().is_none() => {
            Sight::Unfit("it leads out of the folder".to_owned())
        }
        Err(error) => Sight::Unfit(error.to_string()),
    }
}

fn read(folder: &Path) -> io::Result<Vec<u8>> {
    let dir = Dir::open_ambient_dir(folder, ambient_authority())?;
    let regular = |is_file: bool| match is_file {
        true => Ok(()),
        false => Err(io::Error::other("it is not a regular file")),
    };
    regular(dir.metadata(NAME)?.is_file())?;
    let mut options = OpenOptions::new();
    // A pipe that takes the file's place meanwhile must not hang anybody.
    let file = dir.open_with(NAME, options.read(true).custom_flags(libc::O_NONBLOCK | libc::O_NOCTTY))?;
    regular(file.metadata()?.is_file())?;
    let mut bytes = Vec::new();
    file.take(LARGEST + 1).read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// The servers of a file, and what is wrong with the others.
pub(crate) fn servers(bytes: &[u8]) -> (Vec<Definition>, Vec<String>) {
    let read: Value = match serde_json::from_slice(bytes) {
        Ok(read) => read,
        Err(error) => return (Vec::new(), vec![format!("`{NAME}` is not well-formed: {error}")]),
    };
    let Some(servers) = read.get("mcpServers").and_then(Value::as_object) else {
        return (Vec::new(), vec![format!("`{NAME}` has no object `mcpServers`")]);
    };
    let (mut found, mut problems) = (Vec::new(), Vec::new());
    if servers.len() > MOST {
        problems.push(format!("`{NAME}` names {} servers; the first {MOST} are used", servers.len()));
    }
    for (name, server) in servers.iter().take(MOST) {
        match definition(name, server) {
            Ok(definition) => found.push(definition),
            Err(problem) => problems.push(problem),
        }
    }
    (found, problems)
}

fn definition(name: &str, server: &Value) -> Result<Definition, String> {
    let wrong = |what: &str| format!("server `{}` {what}", shown(name, 64));
    let server = server.as_object().ok_or_else(|| wrong("is no object"))?;
    if server.get("type").and_then(Value::as_str) == Some("sse") {
        return Err(wrong("is of type `sse`, which is not spoken; its `http` is"));
    }
    let text = |key: &str| match server.get(key) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(text)) if text.contains("${") => Err(wrong(&format!(
            "has a `${{…}}` in `{key}`, which is not filled in; have the operator name this server"
        ))),
        Some(Value::String(text)) => Ok(Some(text.clone())),
        Some(_) => Err(wrong(&format!("has a `{key}` that is no text"))),
    };
    let url = text("url")?;
    let mut command: Vec<String> = text("command")?.into_iter().collect();
    command.extend(arguments(server).map_err(wrong)?);
    let terms = Terms { is_disabled: server.get("disabled") == Some(&Value::Bool(true)), ..Terms::default() };
    let (environment, headers) =
        (texts(server, "env").map_err(wrong)?, texts(server, "headers").map_err(wrong)?);
    Definition::new(name, command, environment, url.as_deref(), headers, terms)
        .map_err(|fault| format!("{}; {}", fault.problem, fault.help))
}

const UNFILLED: &str = "has a `${…}` in it, which is not filled in; have the operator name this server";

fn arguments(server: &Map<String, Value>) -> Result<Vec<String>, &'static str> {
    let Some(arguments) = server.get("args") else { return Ok(Vec::new()) };
    let arguments = arguments.as_array().ok_or("has `args` that are no list")?;
    arguments.iter().map(|one| filled(one).map(str::to_owned)).collect()
}

fn texts(server: &Map<String, Value>, key: &str) -> Result<BTreeMap<String, Secret>, &'static str> {
    let Some(texts) = server.get(key) else { return Ok(BTreeMap::new()) };
    let texts = texts.as_object().ok_or("has variables or headers that are no object")?;
    texts.iter().map(|(name, value)| Ok((name.clone(), Secret::new(filled(value)?)))).collect()
}

fn filled(value: &Value) -> Result<&str, &'static str> {
    match value.as_str() {
        Some(text) if text.contains("${") => Err(UNFILLED),
        Some(text) => Ok(text),
        None => Err("has an argument, a variable or a header that is no text"),
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;
    use crate::definition::Reach;

    #[test]
    fn a_file_names_servers_and_what_is_wrong_with_one_does_not_hide_the_others() {
        let text = r#"{"mcpServers": {
            "files": {"command": "npx", "args": ["-y", "files"], "env": {"KEY": "x"}},
            "web": {"type": "http", "url": "https://x/mcp", "headers": {"Authorization": "Bearer x"}},
            "old": {"type": "sse", "url": "https://x/sse"},
            "filled": {"command": "x", "env": {"KEY": "${OPENAI_API_KEY}"}},
            "number": {"command": 7},
            "no name": {"command": "x"},
            "nothing": {}
        }}"#;
        let (found, problems) = servers(text.as_bytes());
        let names: Vec<_> = found.iter().map(|one| one.name.as_str()).collect();
        assert_eq!(names, ["files", "web"]);
        let Reach::Process { command, .. } = &found[0].reach else { panic!("{:?}", found[0]) };
        assert_eq!(command, &["npx", "-y", "files"]);
        assert_eq!(problems.len(), 5, "{problems:#?}");
    }

    #[test]
    fn nothing_that_a_file_says_breaks_its_reader() {
        for text in
            ["", "{", "[]", r#"{"mcpServers": []}"#, r#"{"mcpServers": {"a": 1}}"#, "\u{0}", "\u{feff}{}"]
        {
            let (found, problems) = servers(text.as_bytes());
            assert!(found.is_empty() && problems.len() == 1, "{text}: {problems:?}");
        }
        let many: Map<String, Value> =
            (0..100).map(|number| (format!("s{number}"), serde_json::json!({"command": "x"}))).collect();
        let (found, problems) = servers(serde_json::json!({"mcpServers": many}).to_string().as_bytes());
        assert_eq!((found.len(), problems.len()), (MOST, 1));
    }

    #[test]
    fn only_a_regular_file_of_the_folder_is_read() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let file = folder.path().join(NAME);
        assert_eq!(look(folder.path()), Sight::Missing);
        std::fs::create_dir(&file).expect("made");
        assert_eq!(look(folder.path()), Sight::Unfit("it is not a regular file".to_owned()));
        std::fs::remove_dir(&file).expect("removed");
        symlink("/etc/passwd", &file).expect("linked");
        assert_eq!(look(folder.path()), Sight::Unfit("it leads out of the folder".to_owned()));
        std::fs::remove_file(&file).expect("removed");
        std::fs::write(&file, vec![b' '; 300 << 10]).expect("written");
        assert_eq!(look(folder.path()), Sight::Unfit("it has more than 262144 bytes".to_owned()));
        std::fs::write(&file, "{}").expect("written");
        assert!(matches!(look(folder.path()), Sight::Said { bytes, .. } if bytes == b"{}"));
    }
}
