//! TLS 1.2 and 1.3 by rustls on ring; root certificates come from the build or the configuration only.

use std::sync::Arc;

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ClientConfig, RootCertStore};

use crate::error::NetError;

/// The configured certificates and keys, in PEM.
#[derive(Debug, Clone, Default)]
pub struct TlsOptions {
    /// CA certificates to trust in addition to Mozilla's list.
    pub ca_certificates: Option<Vec<u8>>,
    /// The client's certificate chain and its private key.
    pub identity: Option<(Vec<u8>, Vec<u8>)>,
}

/// Returns the configuration of every TLS connection of one client.
pub(crate) fn client_config(options: &TlsOptions) -> Result<ClientConfig, NetError> {
    let mut roots = RootCertStore { roots: webpki_roots::TLS_SERVER_ROOTS.to_vec() };
    if let Some(pem) = &options.ca_certificates {
        for certificate in parse_certificates(pem, "the configured CA certificates")? {
            roots
                .add(certificate)
                .map_err(|_| invalid("the configured CA certificates", "contain an unusable certificate"))?;
        }
    }
    let builder = ClientConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(|_| invalid("TLS", "has no protocol version in common with this build"))?
        .with_root_certificates(roots);
    let mut config = match &options.identity {
        None => builder.with_no_client_auth(),
        Some((chain, key)) => {
            let chain = parse_certificates(chain, "the client certificate")?;
            let key = PrivateKeyDer::from_pem_slice(key)
                .map_err(|_| invalid("the client key", "is not a private key in PEM format"))?;
            builder
                .with_client_auth_cert(chain, key)
                .map_err(|_| invalid("the client certificate and key", "do not match"))?
        }
    };
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    Ok(config)
}

fn parse_certificates(pem: &[u8], what: &str) -> Result<Vec<CertificateDer<'static>>, NetError> {
    let found: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(pem).collect();
    match found {
        Ok(found) if !found.is_empty() => Ok(found),
        _ => Err(invalid(what, "contain no certificate in PEM format")),
    }
}

fn invalid(what: &str, why: &str) -> NetError {
    NetError::Configuration(format!("{what} {why}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_protocols_are_offered_and_mozillas_roots_are_included() -> Result<(), NetError> {
        let config = client_config(&TlsOptions::default())?;
        assert_eq!(config.alpn_protocols, [b"h2".to_vec(), b"http/1.1".to_vec()]);
        assert!(webpki_roots::TLS_SERVER_ROOTS.len() > 50);
        Ok(())
    }

    #[test]
    fn text_that_is_not_pem_is_refused() {
        let options = TlsOptions { ca_certificates: Some(b"no certificate".to_vec()), identity: None };
        assert!(matches!(client_config(&options), Err(NetError::Configuration(_))));
    }
}
