//! What the programs of others find in the registry: skopeo copies, oras lists, cosign verifies, and refuses what was
//! changed.

use serde_json::Value;

use base::exit::Failure;
use base::files;
use base::process::both;

use super::place::{HOST, RegistryTest};
use super::writing::TEAM;
use crate::cases::{Cases, ensure, unexpected};

/// What cosign needs to verify with a key alone: no log of signatures is asked.
const VERIFY: [&str; 2] = ["--insecure-ignore-tlog=true", "--allow-http-registry=true"];

/// Puts an index under another tag that differs from a published one by one byte.
const FLIP: &str = r#"
set -eu
from=$1 to=$2 auth=$3
repository=${from#*/}; tag=${repository##*:}; repository=${repository%:*}
python3 - "http://127.0.0.1:5000/v2/$repository/manifests" "$tag" "$to" "$auth" <<'PYTHON'
import sys, urllib.request
base, tag, to, auth = sys.argv[1:]
kind = "application/vnd.oci.image.index.v1+json"
headers = {"Authorization": "Basic " + auth, "Accept": kind}
index = urllib.request.urlopen(urllib.request.Request(f"{base}/{tag}", headers=headers)).read()
changed = index.replace(b"3.0.0", b"3.0.1")
assert changed != index and len(changed) == len(index)
headers["Content-Type"] = kind
urllib.request.urlopen(urllib.request.Request(f"{base}/{to}", data=changed, headers=headers, method="PUT"))
PYTHON
"#;

/// Reads every file with python-debian, compares all three digests, and prints how many packages there were.
const BUILDINFO: &str = r#"
import glob, hashlib, os
from debian.deb822 import BuildInfo
count = 0
for path in glob.glob("/release/apt/pool/**/*.buildinfo", recursive=True):
    with open(path) as file:
        info = BuildInfo(file)
    assert info["Source"] == "pgml", path
    built_with = info.relations["installed-build-depends"]
    assert len(built_with) > 20 and all(one[0]["version"][0] == "=" for one in built_with), path
    assert info.get_environment()["SOURCE_DATE_EPOCH"].isdigit(), path
    for field, kind in (("Md5", "md5"), ("Sha1", "sha1"), ("Sha256", "sha256")):
        for entry in info["Checksums-" + field]:
            deb = os.path.join(os.path.dirname(path), entry["name"])
            with open(deb, "rb") as file:
                contents = file.read()
            digest = entry.get(kind) or entry["md5sum"]
            assert hashlib.new(kind, contents).hexdigest() == digest, deb
            assert len(contents) == int(entry["size"]), deb
    count += len(info["Checksums-Sha256"])
print(count)
"#;

impl RegistryTest<'_> {
    pub(super) fn reading(&self, cases: &mut Cases<'_>) {
        let read = "python-debian reads the .buildinfo of each package, and its digests hold";
        cases.run(read, || self.buildinfo());
        cases.run("skopeo copies an index by its tag", || self.skopeo());
        cases.run("oras discover shows SBOM and provenance", || self.oras());
        cases.run("cosign verify passes with the key", || {
            self.cosign(&self.full(), "/srv/cosign.pub")
        });
        cases.run("cosign verify-attestation passes with the key", || {
            self.attestation()
        });
        cases.run(
            "cosign verify fails after one flipped byte, and with another key",
            || {
                let changed = format!("{HOST}/{TEAM}/pgml:changed");
                let script = [
                    "/bin/sh",
                    "-c",
                    FLIP,
                    "sh",
                    &self.full(),
                    "changed",
                    super::place::AUTH,
                ];
                self.system.run("root", &script)?;
                let flipped = self.cosign(&changed, "/srv/cosign.pub");
                ensure(flipped.is_err(), || "it passes with another byte".into())?;
                let other = self.cosign(&self.full(), "/srv/other/cosign.pub");
                ensure(other.is_err(), || "it passes with another key".into())
            },
        );
        cases.run(
            "cosign verify-blob passes for files, and fails after one flipped byte",
            || self.blobs(),
        );
        cases.run("verify --provenance checks what is in the registry", || {
            self.provenance()
        });
    }

    fn skopeo(&self) -> Result<(), Failure> {
        let from = format!("docker://{}", self.full());
        let copy = [
            "skopeo",
            "copy",
            "--all",
            "--src-tls-verify=false",
            &from,
            "oci:/srv/copy:x",
        ];
        self.tool(&copy)?;
        let raw = self.tool(&["skopeo", "inspect", "--raw", "--tls-verify=false", &from])?;
        let index: Value = serde_json::from_str(&raw).unwrap_or_default();
        let images = index["manifests"].as_array().into_iter().flatten();
        let images: Vec<&Value> = images.collect();
        let platform = |image: &&Value| image["platform"]["architecture"].clone();
        let found: Vec<Value> = images.iter().map(platform).collect();
        ensure(found == self.architectures, || raw.clone())?;
        for image in images {
            let digest = image["digest"].as_str().unwrap_or_default();
            let blob = format!("/srv/copy/blobs/{}", digest.replace(':', "/"));
            self.system.run("root", &["test", "-s", &blob])?;
            // What a user of that architecture gets.
            let of = image["platform"]["architecture"]
                .as_str()
                .unwrap_or_default();
            let inspect = [
                "inspect",
                "--override-arch",
                of,
                "--tls-verify=false",
                &from,
            ];
            let said = self.tool(&[&["skopeo"][..], &inspect].concat())?;
            let said: Value = serde_json::from_str(&said).unwrap_or_default();
            ensure(said["Architecture"] == of, || said.to_string())?;
        }
        Ok(())
    }

    /// The digest of the image behind the index.
    fn of_platform(&self) -> Result<String, Failure> {
        let from = format!("docker://{}", self.full());
        let raw = self.tool(&["skopeo", "inspect", "--raw", "--tls-verify=false", &from])?;
        let index: Value = serde_json::from_str(&raw).unwrap_or_default();
        let digest = index["manifests"][0]["digest"].as_str();
        Ok(digest.ok_or_else(|| unexpected(raw.clone()))?.to_owned())
    }

    fn oras(&self) -> Result<(), Failure> {
        let image = format!("{HOST}/{TEAM}/pgml@{}", self.of_platform()?);
        let shown = self.tool(&[
            "oras",
            "discover",
            "--plain-http",
            "--format",
            "tree",
            &image,
        ])?;
        for kind in [
            "application/vnd.cyclonedx+json",
            "application/vnd.in-toto+json",
        ] {
            ensure(shown.contains(kind), || format!("no {kind} in {shown}"))?;
        }
        Ok(())
    }

    fn cosign(&self, image: &str, key: &str) -> Result<(), Failure> {
        let verify = ["cosign", "verify", "--key", key];
        let words: Vec<&str> = verify
            .iter()
            .chain(&VERIFY)
            .chain(&[image])
            .copied()
            .collect();
        self.tool(&words).map(drop)
    }

    fn attestation(&self) -> Result<(), Failure> {
        let image = format!("{HOST}/{TEAM}/pgml@{}", self.of_platform()?);
        let verify = ["cosign", "verify-attestation", "--type", "slsaprovenance1"];
        let key = ["--key", "/srv/cosign.pub"];
        let words: Vec<&str> = verify
            .iter()
            .chain(&key)
            .chain(&VERIFY)
            .chain(&[image.as_str()])
            .copied()
            .collect();
        let said = self.tool(&words)?;
        ensure(said.contains("payload"), || said.clone())
    }

    fn blobs(&self) -> Result<(), Failure> {
        let signatures = self.system.root().join("srv/signatures");
        let release = self.release.display().to_string();
        let (to, key) = (
            signatures.display().to_string(),
            self.system
                .root()
                .join("srv/cosign.key")
                .display()
                .to_string(),
        );
        let args = [
            "publish",
            "--development",
            "--from",
            &release,
            "--signatures",
            &to,
            "--key",
            &key,
        ];
        let output = self.xtask(&args, true)?;
        ensure(output.status.success(), || both(&output))?;
        let signed = files::files_below(&signatures)?;
        let deb = signed
            .iter()
            .find(|file| file.to_string_lossy().ends_with(".deb.sig"));
        let deb = deb.ok_or_else(|| unexpected("no package is signed".into()))?;
        for file in ["SHA256SUMS", deb.to_string_lossy().trim_end_matches(".sig")] {
            let verify = |blob: &str| {
                let signature = format!("/srv/signatures/{file}.sig");
                let words = [
                    "cosign",
                    "verify-blob",
                    "--key",
                    "/srv/cosign.pub",
                    "--signature",
                    &signature,
                ];
                let words: Vec<&str> = words.iter().chain(&[VERIFY[0], blob]).copied().collect();
                self.tool(&words)
            };
            verify(&format!("/release/{file}"))?;
            let mut bytes = files::read(&self.release.join(file))?;
            let middle = bytes.len() / 2;
            bytes[middle] ^= 1;
            files::write(&self.system.root().join("srv/flipped"), bytes)?;
            ensure(verify("/srv/flipped").is_err(), || {
                format!("{file} passes with another byte")
            })?;
        }
        Ok(())
    }

    fn buildinfo(&self) -> Result<(), Failure> {
        let said = self.system.run("root", &["python3", "-c", BUILDINFO])?;
        let packages = said.trim().parse().unwrap_or(0);
        // The package, its debug symbols and the runtime.
        ensure(packages >= 3, || {
            format!("{packages} packages are in them: {said}")
        })
    }

    fn provenance(&self) -> Result<(), Failure> {
        let image = self.full();
        let key = |name: &str| self.system.root().join(name).display().to_string();
        let verify = |image: &str, key: &str| {
            self.xtask(
                &["verify", "--json", "--provenance", image, "--key", key],
                true,
            )
        };
        let output = verify(&image, &key("srv/cosign.pub"))?;
        let document: Value = serde_json::from_slice(&output.stdout).unwrap_or_default();
        ensure(document["holds"] == true, || both(&output))?;
        let parts: Vec<&str> = document["checks"]
            .as_array()
            .into_iter()
            .flatten()
            .filter_map(|check| check["part"].as_str())
            .collect();
        let own = &self.target.distribution.architecture.name;
        for part in [
            "index",
            &format!("image {own}"),
            &format!("statement {own}"),
            "source",
            "locks",
            "plan",
        ] {
            ensure(parts.contains(&part), || {
                format!("{part} is not in {parts:?}")
            })?;
        }
        for (image, key) in [
            (image.as_str(), key("srv/other/cosign.pub")),
            (
                &format!("{HOST}/{TEAM}/pgml:changed"),
                key("srv/cosign.pub"),
            ),
        ] {
            let output = verify(image, &key)?;
            ensure(output.status.code() == Some(1), || both(&output))?;
        }
        Ok(())
    }
}
