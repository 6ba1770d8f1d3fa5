//! A document that is lost, and what is taken back of it.
#![allow(clippy::unwrap_used, clippy::disallowed_methods, reason = "a test damages files by hand")]

use camino::Utf8PathBuf;
use iapeer_statefile::*;

/// A list of numbers as JSON.
#[derive(Debug, Clone)]
struct Numbers;

impl Format for Numbers {
    type Value = Vec<u32>;
    fn parse(&self, bytes: &[u8]) -> Result<Parsed<Vec<u32>>, Fault> {
        serde_json::from_slice(bytes).map(Parsed::whole).map_err(|e| Fault::syntax(&e))
    }
    fn render(&self, value: &Vec<u32>) -> Vec<u8> {
        serde_json::to_vec(value).unwrap()
    }
}

struct Lab {
    _dir: tempfile::TempDir,
    root: Utf8PathBuf,
    document: Document<Numbers>,
    quarantine: Quarantine,
    lock: Lock,
}

impl Lab {
    fn new() -> Lab {
        let dir = tempfile::tempdir().unwrap();
        let root = Utf8PathBuf::from_path_buf(dir.path().to_owned()).unwrap();
        let document = Document::new(root.join("x.json"), Numbers)
            .backed_up(Backups::in_folder(root.join("backups/x.json")), Absence::Loss);
        let quarantine = Quarantine::in_folder(root.join("quarantine"));
        let lock = Lock::acquire(&root.join("x.lock"), Wait::Try, "test").unwrap();
        Lab { _dir: dir, root, document, quarantine, lock }
    }

    fn commit(&self, value: &[u32]) {
        self.document.edit(&self.lock).unwrap().commit(value.to_vec()).unwrap();
    }

    fn damage(&self, bytes: &[u8]) {
        std::fs::write(self.document.path(), bytes).unwrap();
    }

    fn recover(&self, order: &[Source<'_, Vec<u32>>]) -> Result<Recovered<Vec<u32>>, RecoverError> {
        let lost = self.document.lost().unwrap().expect("it is lost");
        lost.recover(&self.lock, order, &self.quarantine, Breaker::Obeyed)
    }

    fn generations(&self) -> Vec<u64> {
        self.document.backups().unwrap().list().unwrap().iter().map(|g| g.number).collect()
    }
}

#[test]
fn the_newest_good_generation_comes_back_and_the_bytes_are_kept() {
    let lab = Lab::new();
    for n in 1..=8 {
        lab.commit(&[n]);
    }
    assert_eq!(lab.generations(), [8, 7, 6, 5, 4], "the newest five");
    // The newest one was torn by a power failure.
    let newest = &lab.document.backups().unwrap().list().unwrap()[0];
    std::fs::write(&newest.path, "").unwrap();
    lab.damage(b"[1, ");
    let recovered = lab.recover(&[Source::Backup]).unwrap();
    assert_eq!(recovered.value, Some(vec![7]));
    assert!(recovered.from[0].starts_with("generation 7 of "), "{recovered:?}");
    assert!(recovered.fault.unwrap().contains("x.json is damaged"));
    assert_eq!(std::fs::read(recovered.quarantined.unwrap()).unwrap(), b"[1, ");
    assert!(matches!(lab.document.read(), Reading::Present(v) if v == [7]));
    assert_eq!(lab.generations()[0], 9, "numbers only grow");
    assert!(lab.document.lost().unwrap().is_none());
}

#[test]
fn sources_are_asked_in_their_order_and_see_the_damaged_bytes() {
    let lab = Lab::new();
    lab.commit(&[1]);
    lab.damage(b"[2, 3, ");
    let add = |value: Option<Vec<u32>>, bytes: Option<&[u8]>| {
        let mut value = value.unwrap_or_default();
        value.push(u32::try_from(bytes.unwrap().len()).unwrap());
        Some(value)
    };
    let nothing = |value: Option<Vec<u32>>, _: Option<&[u8]>| value;
    let order = [
        Source::Rebuild { what: "nothing", with: &nothing },
        Source::Backup,
        Source::Rebuild { what: "the bytes", with: &add },
    ];
    assert_eq!(lab.document.lost().unwrap().unwrap().preview(&order), Some(vec![1, 7]));
    assert_eq!(std::fs::read(lab.document.path()).unwrap(), b"[2, 3, ", "a preview writes nothing");
    let recovered = lab.recover(&order).unwrap();
    assert_eq!(recovered.value, Some(vec![1, 7]));
    assert_eq!(recovered.from.len(), 2, "{:?}", recovered.from);
    assert_eq!(recovered.from[1], "the bytes");
}

#[test]
fn what_cannot_be_taken_back_stays_as_it_is() {
    let lab = Lab::new();
    lab.damage(b"[1, ");
    let error = lab.recover(&[Source::Backup]).unwrap_err();
    assert!(matches!(error, RecoverError::NothingLeft { .. }), "{error}");
    assert_eq!(std::fs::read(lab.document.path()).unwrap(), b"[1, ");
    assert_eq!(lab.quarantine.list().unwrap(), []);

    // Nothing there, and nothing ever was: that is no loss.
    std::fs::remove_file(lab.document.path()).unwrap();
    let recovered = lab.recover(&[Source::Backup]).unwrap();
    assert_eq!((recovered.value, recovered.fault), (None, None));
    // Gone, and no generation reads back.
    lab.commit(&[1]);
    std::fs::remove_file(lab.document.path()).unwrap();
    std::fs::write(&lab.document.backups().unwrap().list().unwrap()[0].path, "").unwrap();
    let recovered = lab.recover(&[Source::Backup]).unwrap();
    assert_eq!(recovered.value, None);
    assert!(recovered.fault.unwrap().contains("is gone, although it was there once"));
    assert!(!lab.document.path().exists(), "nothing is made up");
}

#[test]
fn the_third_time_in_a_day_nothing_is_mended_by_itself() {
    let lab = Lab::new();
    lab.commit(&[1]);
    for n in 0..2 {
        lab.damage(format!("[{n}, ").as_bytes());
        lab.recover(&[Source::Backup]).unwrap();
    }
    lab.damage(b"[2, ");
    let error = lab.recover(&[Source::Backup]).unwrap_err();
    assert_eq!(
        error.to_string(),
        "x.json was found damaged 3 times in 24 hours, so it is not mended by itself any more"
    );
    assert_eq!(std::fs::read(lab.document.path()).unwrap(), b"[2, ");
    // Nor is another file of that folder hindered by it, nor a person.
    lab.quarantine.put("y.json", b"y", Breaker::Obeyed, Timestamp::now()).unwrap();
    let lost = lab.document.lost().unwrap().unwrap();
    lost.recover(&lab.lock, &[Source::Backup], &lab.quarantine, Breaker::Overruled).unwrap();
    assert!(matches!(lab.document.read(), Reading::Present(v) if v == [1]));
    assert_eq!(lab.quarantine.list().unwrap().len(), 4);
}

#[test]
fn what_is_unreadable_or_newer_is_never_taken_for_lost() {
    let lab = Lab::new();
    lab.commit(&[1]);
    std::fs::remove_file(lab.document.path()).unwrap();
    std::fs::create_dir(lab.document.path()).unwrap();
    assert!(matches!(lab.document.lost(), Err(StateFault::Unreadable(_))));
    std::fs::remove_dir(lab.document.path()).unwrap();
    // Whether it was there once cannot be told.
    std::fs::remove_dir_all(lab.root.join("backups")).unwrap();
    std::fs::create_dir(lab.root.join("backups")).unwrap();
    std::fs::write(lab.root.join("backups/x.json"), "a file").unwrap();
    assert!(matches!(lab.document.read(), Reading::Unreadable(_)));
    assert!(matches!(lab.document.lost(), Err(StateFault::Unreadable(_))));
}
