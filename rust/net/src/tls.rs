//! TLS 1.2 and 1.3 by rustls on ring, with roots that come from the build or the configuration alone.

use std::sync::Arc;

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ClientConfig, RootCertStore};

use crate::error::NetError;

/// What the user configured, all in PEM.
#[derive(Debug, Clone, Default)]
pub struct Trust {
    /// Authorities trusted beside Mozilla's list.
    pub authorities: Option<Vec<u8>>,
    /// The client's certificate chain and its private key.
    pub identity: Option<(Vec<u8>, Vec<u8>)>,
}

/// Makes the configuration of every TLS connection of one client.
pub(crate) fn config(trust: &Trust) -> Result<ClientConfig, NetError> {
    let mut roots = RootCertStore { roots: webpki_roots::TLS_SERVER_ROOTS.to_vec() };
    if let Some(pem) = &trust.authorities {
        for certificate in certificates(pem, "the configured authorities")? {
            roots
                .add(certificate)
                .map_err(|_| refused("the configured authorities", "hold an unusable certificate"))?;
        }
    }
    let builder = ClientConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(|_| refused("TLS", "has no protocol version in common with this build"))?
        .with_root_certificates(roots);
    let mut config = match &trust.identity {
        None => builder.with_no_client_auth(),
        Some((chain, key)) => {
            let chain = certificates(chain, "the client's certificate")?;
            let key = PrivateKeyDer::from_pem_slice(key)
                .map_err(|_| refused("the client's key", "is not a private key in PEM"))?;
            builder
                .with_client_auth_cert(chain, key)
                .map_err(|_| refused("the client's certificate and key", "do not belong together"))?
        }
    };
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    Ok(config)
}

fn certificates(pem: &[u8], what: &str) -> Result<Vec<CertificateDer<'static>>, NetError> {
    let found: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(pem).collect();
    match found {
        Ok(found) if !found.is_empty() => Ok(found),
        _ => Err(refused(what, "hold no certificate in PEM")),
    }
}

fn refused(what: &str, why: &str) -> NetError {
    NetError::Refused(format!("{what} {why}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_protocols_are_offered_and_mozillas_roots_are_there() -> Result<(), NetError> {
        let config = config(&Trust::default())?;
        assert_eq!(config.alpn_protocols, [b"h2".to_vec(), b"http/1.1".to_vec()]);
        assert!(webpki_roots::TLS_SERVER_ROOTS.len() > 50);
        Ok(())
    }

    #[test]
    fn what_is_not_pem_is_refused() {
        let trust = Trust { authorities: Some(b"no certificate".to_vec()), identity: None };
        assert!(matches!(config(&trust), Err(NetError::Refused(_))));
    }
}
