//! Data directories of every released version are read, and hold what they held.

use crate::{gavel_json, place};
use serde_json::Value;
use std::fs;
use std::path::{Path, PathBuf};

fn testdata() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("testdata")
}

/// Unpacks a version's directory as `into`/data; its configuration and expectations lie beside.
fn unpack(version: &Path, into: &Path) {
    let data = into.join("data");
    fs::create_dir(&data).unwrap();
    for entry in fs::read_dir(version).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_str().unwrap();
        match name.strip_suffix(".zst") {
            Some(name) => {
                let packed = fs::File::open(&path).unwrap();
                fs::write(data.join(name), zstd::decode_all(packed).unwrap()).unwrap();
            }
            None => drop(fs::copy(&path, into.join(name)).unwrap()),
        }
    }
}

#[test]
fn directories_of_every_released_version_hold_what_they_held() {
    let mut versions = 0;
    for entry in fs::read_dir(testdata()).unwrap() {
        let version = entry.unwrap().path();
        let name = version.file_name().and_then(|name| name.to_str());
        if !name.is_some_and(|name| name.starts_with('v')) {
            continue;
        }
        versions += 1;
        let dir = place();
        let dir = dir.path();
        unpack(&version, dir);
        let expected = fs::read_to_string(dir.join("expected.json")).unwrap();
        let expected: Value = serde_json::from_str(&expected).unwrap();
        let (status, verified) = gavel_json(dir, &["journal", "verify", "data"]);
        assert_eq!(status, 0, "{verified}");
        let verify = ["snapshot", "verify", "data", "--config", "node.toml"];
        let (status, found) = gavel_json(dir, &verify);
        assert_eq!((status, &found["good"]), (0, &Value::Bool(true)), "{found}");
        let snapshots = found["snapshots"].as_array().unwrap();
        let indexes: Vec<&Value> = snapshots.iter().map(|snapshot| &snapshot["index"]).collect();
        assert_eq!(indexes, expected["snapshots"].as_array().unwrap().iter().collect::<Vec<_>>());
        // From the newest snapshot, from an older one, and from the log's beginning.
        for snapshot in snapshots.iter().map(Some).chain([None]) {
            let digest = ["journal", "digest", "data", "--config", "node.toml"];
            let (status, digest) = gavel_json(dir, &digest);
            assert_eq!(status, 0, "{digest}");
            for what in ["last_index", "book_digest", "node_digest"] {
                assert_eq!(digest[what], expected[what], "{what} of {}", version.display());
            }
            if let Some(snapshot) = snapshot {
                let file = snapshot["file"].as_str().unwrap();
                fs::remove_file(dir.join("data").join(file)).unwrap();
            }
        }
    }
    assert!(versions >= 1, "there is no version to read");
}
