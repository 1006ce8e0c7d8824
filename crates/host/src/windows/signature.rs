//! Authenticode: whether a file is signed, by whom, and whether Windows accepts it.
//!
//! Few of Windows' own programs carry a signature; their hashes stand in signed catalogues instead. So a file
//! without a signature of its own is looked for in the catalogues, by the hash that leaves out what signing
//! changes, SHA-256 first, then SHA-1. Windows is told to show nothing, to fetch nothing from the network,
//! and not to ask whether certificates were withdrawn, which could take minutes: `Revoked` is what it knows
//! already.

use std::fs::File;
use std::os::windows::io::AsRawHandle as _;

use windows_sys::Win32::Foundation::{
    CERT_E_CHAINING, CERT_E_EXPIRED, CERT_E_REVOKED, CERT_E_UNTRUSTEDROOT,
    CERT_E_UNTRUSTEDTESTROOT, TRUST_E_BAD_DIGEST, TRUST_E_EXPLICIT_DISTRUST, TRUST_E_NOSIGNATURE,
    TRUST_E_PROVIDER_UNKNOWN, TRUST_E_SUBJECT_FORM_UNKNOWN,
};
use windows_sys::Win32::Security::Cryptography::Catalog::{
    CATALOG_INFO, CryptCATAdminAcquireContext2, CryptCATAdminCalcHashFromFileHandle2,
    CryptCATAdminEnumCatalogFromHash, CryptCATAdminReleaseCatalogContext,
    CryptCATAdminReleaseContext, CryptCATCatalogInfoFromContext,
};
use windows_sys::Win32::Security::Cryptography::{
    CERT_NAME_SIMPLE_DISPLAY_TYPE, CertGetNameStringW,
};
use windows_sys::Win32::Security::WinTrust::{
    WINTRUST_ACTION_GENERIC_VERIFY_V2, WINTRUST_CATALOG_INFO, WINTRUST_DATA, WINTRUST_DATA_0,
    WINTRUST_FILE_INFO, WTD_CACHE_ONLY_URL_RETRIEVAL, WTD_CHOICE_CATALOG, WTD_CHOICE_FILE,
    WTD_REVOCATION_CHECK_NONE, WTD_REVOKE_NONE, WTD_STATEACTION_CLOSE, WTD_STATEACTION_VERIFY,
    WTD_UI_NONE, WTHelperGetProvSignerFromChain, WTHelperProvDataFromStateData, WinVerifyTrust,
};
use windows_sys::core::{PCWSTR, w};

use crate::facts::{Signature, SignatureStatus};
use crate::windows::handle::succeeded;
use crate::windows::text::{until_nul, wide};

/// Bytes of the longest hash.
const LONGEST_HASH: u32 = 64;
/// Letters of the longest name of a signer; what is longer is cut.
const LONGEST_NAME: u32 = 512;

/// What Windows says of an open file; `None` if it does not say.
pub(super) fn of(file: &File, path: &str) -> Option<Signature> {
    let path = wide(path)?;
    let mut info = WINTRUST_FILE_INFO {
        cbStruct: length_of::<WINTRUST_FILE_INFO>(),
        pcwszFilePath: path.as_ptr(),
        hFile: file.as_raw_handle(),
        ..WINTRUST_FILE_INFO::default()
    };
    // SAFETY: all that `info` points to, `path` and the handle of `file`, outlives the call.
    let own = unsafe { verify(WTD_CHOICE_FILE, WINTRUST_DATA_0 { pFile: &raw mut info }) };
    match own {
        (TRUST_E_NOSIGNATURE | TRUST_E_SUBJECT_FORM_UNKNOWN | TRUST_E_PROVIDER_UNKNOWN, _) => {
            for algorithm in [w!("SHA256"), w!("SHA1")] {
                let catalogues = Catalogues::open(algorithm)?;
                if let Some((code, signer)) = catalogues.verify(file, &path) {
                    return signature(code, signer);
                }
            }
            Some(Signature { status: SignatureStatus::Unavailable, signer: None })
        }
        (code, signer) => signature(code, signer),
    }
}

fn signature(code: i32, signer: Option<String>) -> Option<Signature> {
    let status = match code {
        0 => SignatureStatus::Valid,
        CERT_E_EXPIRED => SignatureStatus::Expired,
        CERT_E_REVOKED => SignatureStatus::Revoked,
        CERT_E_UNTRUSTEDROOT
        | CERT_E_UNTRUSTEDTESTROOT
        | CERT_E_CHAINING
        | TRUST_E_EXPLICIT_DISTRUST => SignatureStatus::Untrusted,
        TRUST_E_BAD_DIGEST => SignatureStatus::Invalid,
        _ => return None,
    };
    Some(Signature { status, signer })
}

fn length_of<T>() -> u32 {
    u32::try_from(size_of::<T>()).unwrap_or(0)
}

/// Verifies `subject`: Windows' code, 0 if all is well, and who signed.
///
/// # Safety
/// `subject` must be of the kind that `choice` says, and all that it points to must outlive the call.
unsafe fn verify(choice: u32, subject: WINTRUST_DATA_0) -> (i32, Option<String>) {
    let mut action = WINTRUST_ACTION_GENERIC_VERIFY_V2;
    let mut data = WINTRUST_DATA {
        cbStruct: length_of::<WINTRUST_DATA>(),
        dwUIChoice: WTD_UI_NONE,
        fdwRevocationChecks: WTD_REVOKE_NONE,
        dwUnionChoice: choice,
        Anonymous: subject,
        dwStateAction: WTD_STATEACTION_VERIFY,
        dwProvFlags: WTD_CACHE_ONLY_URL_RETRIEVAL | WTD_REVOCATION_CHECK_NONE,
        ..WINTRUST_DATA::default()
    };
    let none = std::ptr::null_mut();
    // SAFETY: `action` and `data` outlive the call, and what `data` points to does by our caller's word.
    let code = unsafe { WinVerifyTrust(none, &raw mut action, (&raw mut data).cast()) };
    // SAFETY: `data` holds the state of the verification, which is closed below only.
    let signer = unsafe { signer_of(&data) };
    data.dwStateAction = WTD_STATEACTION_CLOSE;
    // SAFETY: as above; nothing of the state is used after this.
    unsafe { WinVerifyTrust(none, &raw mut action, (&raw mut data).cast()) };
    (code, signer)
}

/// The simple name of who signed what was verified.
///
/// # Safety
/// The state of `data` must be that of a verification that is not closed yet, or null.
unsafe fn signer_of(data: &WINTRUST_DATA) -> Option<String> {
    if data.hWVTStateData.is_null() {
        return None;
    }
    // SAFETY: the state is not closed, by our caller's word. Each pointer is null or one into the state, which
    // lives until it is closed; null is checked before the next is read.
    let certificate = unsafe {
        let provider = WTHelperProvDataFromStateData(data.hWVTStateData);
        if provider.is_null() {
            return None;
        }
        let signer = WTHelperGetProvSignerFromChain(provider, 0, 0, 0).as_ref()?;
        // The first of the chain is the signer's own.
        if signer.csCertChain == 0 {
            return None;
        }
        signer.pasCertChain.as_ref()?.pCert
    };
    if certificate.is_null() {
        return None;
    }
    let mut name = [0_u16; LONGEST_NAME as usize];
    // SAFETY: the certificate lives as long as the state, and `name` has room for as many letters as is said.
    let length = unsafe {
        CertGetNameStringW(
            certificate,
            CERT_NAME_SIMPLE_DISPLAY_TYPE,
            0,
            std::ptr::null(),
            name.as_mut_ptr(),
            LONGEST_NAME,
        )
    };
    // The length counts the NUL, so 1 is no name.
    (length > 1).then(|| until_nul(&name))
}

/// The catalogues of this machine, by one kind of hash.
struct Catalogues(isize);

impl Catalogues {
    fn open(algorithm: PCWSTR) -> Option<Self> {
        let mut context = 0;
        // SAFETY: `context` outlives the call, `algorithm` is a text with a NUL of ours; null means the default.
        let result = unsafe {
            CryptCATAdminAcquireContext2(
                &raw mut context,
                std::ptr::null(),
                algorithm,
                std::ptr::null(),
                0,
            )
        };
        succeeded(result).ok()?;
        Some(Self(context))
    }

    /// Verifies a file by the first catalogue that has it; `None` if none has.
    fn verify(&self, file: &File, path: &[u16]) -> Option<(i32, Option<String>)> {
        let mut hash = [0; LONGEST_HASH as usize];
        let mut length = LONGEST_HASH;
        // SAFETY: the context and the file are open, `hash` has room for `length` bytes.
        let result = unsafe {
            CryptCATAdminCalcHashFromFileHandle2(
                self.0,
                file.as_raw_handle(),
                &raw mut length,
                hash.as_mut_ptr(),
                0,
            )
        };
        succeeded(result).ok()?;
        let known = hash.get(..usize::try_from(length).ok()?)?;
        let catalogue = Catalogue::with(self, known)?;
        let tag: String = known.iter().map(|byte| format!("{byte:02X}")).collect();
        let (tag, place) = (wide(&tag)?, catalogue.path()?);
        let mut info = WINTRUST_CATALOG_INFO {
            cbStruct: length_of::<WINTRUST_CATALOG_INFO>(),
            pcwszCatalogFilePath: place.as_ptr(),
            pcwszMemberTag: tag.as_ptr(),
            pcwszMemberFilePath: path.as_ptr(),
            hMemberFile: file.as_raw_handle(),
            pbCalculatedFileHash: hash.as_mut_ptr(),
            cbCalculatedFileHash: length,
            hCatAdmin: self.0,
            ..WINTRUST_CATALOG_INFO::default()
        };
        let subject = WINTRUST_DATA_0 { pCatalog: &raw mut info };
        // SAFETY: the texts, which end with a NUL, the hash and both handles outlive the call.
        Some(unsafe { verify(WTD_CHOICE_CATALOG, subject) })
    }
}

impl Drop for Catalogues {
    fn drop(&mut self) {
        // SAFETY: the context is open, and closed once.
        unsafe { CryptCATAdminReleaseContext(self.0, 0) };
    }
}

/// A catalogue that has a hash.
struct Catalogue<'a>(isize, &'a Catalogues);

impl<'a> Catalogue<'a> {
    fn with(catalogues: &'a Catalogues, hash: &[u8]) -> Option<Self> {
        let length = u32::try_from(hash.len()).ok()?;
        // SAFETY: the context is open and `hash` has `length` bytes; null means the first catalogue.
        let found = unsafe {
            CryptCATAdminEnumCatalogFromHash(
                catalogues.0,
                hash.as_ptr(),
                length,
                0,
                std::ptr::null_mut(),
            )
        };
        (found != 0).then_some(Self(found, catalogues))
    }
    /// Where it lies, with a NUL.
    fn path(&self) -> Option<Vec<u16>> {
        let length = length_of::<CATALOG_INFO>();
        let mut info = CATALOG_INFO { cbStruct: length, ..CATALOG_INFO::default() };
        // SAFETY: the catalogue is open, and `info` says its length and outlives the call.
        let result = unsafe { CryptCATCatalogInfoFromContext(self.0, &raw mut info, 0) };
        succeeded(result).ok()?;
        wide(&until_nul(&info.wszCatalogFile))
    }
}

impl Drop for Catalogue<'_> {
    fn drop(&mut self) {
        // SAFETY: the catalogue is open, belongs to this context, which is open, and is closed once.
        unsafe { CryptCATAdminReleaseCatalogContext(self.1.0, self.0, 0) };
    }
}
