//! What no handler ever sees: requests that two readers could understand in two ways.

use careplan_protocol::problem::{Code, Refusal};
use http::request::Parts;
use http::{Method, Version, header};

/// Lets a request pass that has one meaning.
pub(super) fn check(parts: &Parts) -> Result<(), Refusal> {
    if parts.version != Version::HTTP_11 {
        return Err(malformed("HTTP/1.1 を使ってください。", "Only HTTP/1.1 is spoken here."));
    }
    if !METHODS.contains(&parts.method) {
        return Err(Code::MethodNotAllowed.into());
    }
    let uri = &parts.uri;
    if uri.scheme().is_some() || uri.authority().is_some() || !uri.path().starts_with('/') {
        let japanese = "要求先はパスだけで指定してください。";
        return Err(malformed(japanese, "The target has to be a path, without scheme and host."));
    }
    if !is_plain(uri.path()) {
        let japanese = "パスに使えない文字の並びがあります。";
        return Err(malformed(japanese, "The path has dot segments, or encoded slashes, backslashes, dots or NUL."));
    }
    let mut hosts = parts.headers.get_all(header::HOST).iter();
    match (hosts.next().map(is_host), hosts.next()) {
        (Some(true), None) => Ok(()),
        _ => Err(malformed("Host ヘッダーは一つだけ必要です。", "Exactly one Host header is needed.")),
    }
}

fn malformed(japanese: &str, english: &str) -> Refusal {
    Refusal::because(Code::Malformed, japanese, english)
}

fn is_plain(path: &str) -> bool {
    let bytes = path.as_bytes();
    // Hardly any path has one of these; each is looked at with every request.
    if !bytes.iter().any(|c| matches!(c, b'%' | b'\\')) && !bytes.windows(2).any(|two| two == b"/.") {
        return true;
    }
    let tricky = |lower: String| ["%2f", "%5c", "%2e", "%00", "%25"].iter().any(|tricky| lower.contains(tricky));
    let encoded = path.contains('%') && tricky(path.to_ascii_lowercase());
    !encoded && !path.contains('\\') && !path.split('/').any(|segment| segment == "." || segment == "..")
}

fn is_host(value: &http::HeaderValue) -> bool {
    let text = value.to_str().unwrap_or_default();
    !text.contains('@') && text.parse::<http::uri::Authority>().is_ok()
}

const METHODS: [Method; 5] = [Method::GET, Method::HEAD, Method::POST, Method::PUT, Method::DELETE];

#[cfg(test)]
mod tests {
    use super::*;
    use http::Request;

    fn verdict(method: &str, target: &str, hosts: &[&str]) -> Option<Code> {
        let mut request = Request::builder().method(method).uri(target);
        for host in hosts {
            request = request.header("host", *host);
        }
        check(&request.body(()).unwrap().into_parts().0).err().map(|refusal| refusal.code)
    }

    #[test]
    fn requests_with_one_meaning_pass() {
        for target in ["/", "/v1/offices/1379999012/inbox?after=a%2Fb", "/a.b/c..d/...", "/%E4%BA%8B"] {
            assert_eq!(verdict("GET", target, &["hub.example.jp:8443"]), None, "{target}");
        }
    }

    #[test]
    fn targets_with_two_meanings_are_refused() {
        for target in [
            "http://hub/v1/me",
            "hub:443",
            "*",
            "/v1/../me",
            "/v1/./me",
            "/..",
            "/v1/%2e%2e/me",
            "/v1/%2E/me",
            "/a%2fb",
            "/a%2Fb",
            "/a%5cb",
            "/a%252fb",
            "/a%00",
        ] {
            assert_eq!(verdict("GET", target, &["hub"]), Some(Code::Malformed), "{target}");
        }
    }

    #[test]
    fn a_request_has_one_host_and_a_method_of_ours() {
        for hosts in [&[][..], &["hub", "hub"], &["hub", "other"], &[""], &["a b"], &["user@hub"]] {
            assert_eq!(verdict("GET", "/", hosts), Some(Code::Malformed), "{hosts:?}");
        }
        for method in ["TRACE", "CONNECT", "OPTIONS", "PATCH", "PROPFIND", "get"] {
            assert_eq!(verdict(method, "/", &["hub"]), Some(Code::MethodNotAllowed), "{method}");
        }
    }
}
