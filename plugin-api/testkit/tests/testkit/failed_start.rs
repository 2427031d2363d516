//! What a start that fails has made and put aside for its stop.

use std::fs::{self, File};
use std::path::PathBuf;

use transom_plugin_api::prelude::*;
use transom_testkit::{Stand, json};

/// Takes a lock, and then finds that it cannot start.
#[derive(Settings)]
struct Hasty {
    /// The file that stands for the lock.
    lock: PathBuf,
}

/// Gone when it is dropped.
struct Lock(PathBuf);

impl Drop for Lock {
    fn drop(&mut self) {
        fs::remove_file(&self.0).expect("it was taken");
    }
}

impl Plugin for Hasty {
    type Ports = ();

    async fn start(self, (): (), host: Host) -> Result<(), StartError> {
        File::create(&self.lock)?;
        let lock = Lock(self.lock);
        host.on_stop(async move { drop(lock) });
        Err(StartError::new("forgot the key"))
    }
}

export_plugin!(Hasty, id = "hasty");

#[tokio::test]
async fn what_would_have_stopped_it_is_let_go() {
    let folder = tempfile::tempdir().expect("a folder");
    let lock = folder.path().join("lock");
    let stand = Stand::new().plugin::<Hasty>(json!({ "lock": lock }));
    let refused = stand.start().await.expect_err("it forgot the key");
    assert!(refused.to_string().contains("forgot the key"), "{refused}");
    stand.until(|| !lock.exists()).await;
    stand.stop().await;
}
