use super::*;

fn opening(networks: &[&str]) -> Policy {
    Policy {
        allow: networks.iter().map(|net| net.parse().unwrap()).collect(),
        ..Policy::default()
    }
}

fn answer(addresses: &[&str]) -> Vec<SocketAddr> {
    addresses
        .iter()
        .map(|address| SocketAddr::new(address.parse().unwrap(), 0))
        .collect()
}

#[test]
fn ordinary_urls_pass_in_their_normal_form() {
    let cases = [
        (
            "https://hooks.example.com/in?a=b",
            "https://hooks.example.com/in?a=b",
        ),
        (
            "HTTPS://Hooks.Example.COM:443/in",
            "https://hooks.example.com/in",
        ),
        (
            "https://hooks.example.com:8443",
            "https://hooks.example.com:8443/",
        ),
        (
            "https://my_shop-1.example.com/",
            "https://my_shop-1.example.com/",
        ),
        ("https://bücher.example/", "https://xn--bcher-kva.example/"),
        ("https://93.184.215.14/", "https://93.184.215.14/"),
        ("https://[2606:4700::1111]/", "https://[2606:4700::1111]/"),
        // The user-info sign is behind the host already: a backslash ends it like a slash.
        (
            "https://example.com\\@10.0.0.1/",
            "https://example.com/@10.0.0.1/",
        ),
        // A name is judged by where it leads, and not here.
        ("https://localhost/", "https://localhost/"),
    ];
    for (url, normal) in cases {
        let checked = Policy::default().parse(url).map(String::from);
        assert_eq!(checked.as_deref(), Ok(normal), "{url}");
    }
}

#[test]
fn what_is_wrong_with_a_url_is_told_before_anything_is_resolved() {
    let cases = [
        ("", UrlRefused::NotAbsolute),
        ("hooks.example.com/in", UrlRefused::NotAbsolute),
        ("//hooks.example.com/in", UrlRefused::NotAbsolute),
        ("/in", UrlRefused::NotAbsolute),
        ("ftp://hooks.example.com/", UrlRefused::Scheme),
        ("file:///etc/passwd", UrlRefused::Scheme),
        ("gopher://hooks.example.com/", UrlRefused::Scheme),
        ("data:text/plain,x", UrlRefused::Scheme),
        ("http://hooks.example.com/", UrlRefused::Scheme),
        ("http://93.184.215.14/", UrlRefused::Scheme),
        ("https://user@hooks.example.com/", UrlRefused::Userinfo),
        ("https://user:word@hooks.example.com/", UrlRefused::Userinfo),
        ("https://:word@hooks.example.com/", UrlRefused::Userinfo),
        ("https://hooks.example.com@10.0.0.1/", UrlRefused::Userinfo),
        ("https://", UrlRefused::Host),
        ("https://?", UrlRefused::Host),
        ("https://hooks.example.com./", UrlRefused::Host),
        ("https://hooks.example.com。/", UrlRefused::Host),
        ("https://localhost./", UrlRefused::Host),
        ("https://.example.com/", UrlRefused::Host),
        ("https://hooks..example.com/", UrlRefused::Host),
        ("https://{shop}.example.com/", UrlRefused::Host),
        ("https://a,b.example.com/", UrlRefused::Host),
        ("https://a b.example.com/", UrlRefused::Host),
        ("https://1.2.3.4.5/", UrlRefused::Host),
        ("https://256.1.1.1/", UrlRefused::Host),
        ("https://4294967296/", UrlRefused::Host),
        ("https://[::1/", UrlRefused::Host),
        ("https://[fe80::1%25eth0]/", UrlRefused::Host),
        ("https://hooks.example.com:99999/", UrlRefused::Port),
        ("https://hooks.example.com:80/", UrlRefused::Port),
        ("https://hooks.example.com:22/", UrlRefused::Port),
        ("https://hooks.example.com:0/", UrlRefused::Port),
        ("https://93.184.215.14:8080/", UrlRefused::Port),
    ];
    for (url, refused) in cases {
        assert_eq!(Policy::default().parse(url), Err(refused), "{url}");
    }
    let endless = format!("https://hooks.example.com/{}", "a".repeat(70_000));
    assert_eq!(
        Policy::default().parse(&endless),
        Err(UrlRefused::NotAbsolute)
    );
}

/// One list for the two tests below: what the default refuses, and what each of these really is.
const NOTATIONS: [(&str, &str); 24] = [
    ("127.0.0.1", "127.0.0.1"),
    ("127.1", "127.0.0.1"),
    ("127.0.1", "127.0.0.1"),
    ("2130706433", "127.0.0.1"),
    ("017700000001", "127.0.0.1"),
    ("0x7f000001", "127.0.0.1"),
    ("0x7f.1", "127.0.0.1"),
    ("0X7F.0.0.0X1", "127.0.0.1"),
    ("0177.0.0.1", "127.0.0.1"),
    ("0177.0x0.0.1", "127.0.0.1"),
    ("127.0.0.1.", "127.0.0.1"),
    ("127。0。0。1", "127.0.0.1"),
    ("127.0.0.1", "127.0.0.1"),
    ("①②⑦.0.0.1", "127.0.0.1"),
    ("%31%32%37.0.0.1", "127.0.0.1"),
    ("1\u{ad}27.0.0.1", "127.0.0.1"),
    ("0", "0.0.0.0"),
    ("0x", "0.0.0.0"),
    ("10.1", "10.0.0.1"),
    ("3232235777", "192.168.1.1"),
    ("0xa9fea9fe", "169.254.169.254"),
    ("[0:0:0:0:0:0:0:1]", "[::1]"),
    ("[::FFFF:7F00:1]", "[::ffff:7f00:1]"),
    ("[64:ff9b::10.0.0.1]", "[64:ff9b::a00:1]"),
];

#[test]
fn every_notation_of_an_address_is_read_as_that_address() {
    let everything = opening(&["127.0.0.0/8", "::/0", "0.0.0.0/0"]);
    for (notation, address) in NOTATIONS {
        let checked = everything.parse(&format!("https://{notation}/"));
        if address == "169.254.169.254" {
            assert_eq!(checked, Err(UrlRefused::Address), "{notation}");
            continue;
        }
        assert_eq!(checked.unwrap().host_str(), Some(address), "{notation}");
    }
}

#[test]
fn every_notation_of_a_closed_address_is_refused() {
    for (notation, _) in NOTATIONS {
        // The address is named first: another scheme or port would not help.
        for url in [
            format!("https://{notation}/"),
            format!("https://{notation}:8443/"),
            format!("https://{notation}:6379/"),
            format!("http://{notation}/"),
            format!("https:{notation}"),
            format!("https:\\\\{notation}\\"),
        ] {
            assert_eq!(
                Policy::default().parse(&url),
                Err(UrlRefused::Address),
                "{url}"
            );
        }
    }
}

#[test]
fn an_allowed_network_opens_plain_http_and_every_port_for_itself_alone() {
    let policy = opening(&["127.0.0.0/8", "fd12::/16"]);
    let cases = [
        ("https://127.0.0.1/", Ok(Reach::Open)),
        ("http://127.0.0.1/", Ok(Reach::Confined)),
        ("http://0x7f.1:6379/", Ok(Reach::Confined)),
        ("https://127.255.255.255:6379/", Ok(Reach::Confined)),
        ("http://[fd12::7]:81/", Ok(Reach::Confined)),
        // Where a name leads is not known yet; the resolver is told which addresses will do.
        ("https://shop.example/", Ok(Reach::Open)),
        ("http://shop.example/", Ok(Reach::Confined)),
        ("https://shop.example:6379/", Ok(Reach::Confined)),
        ("http://93.184.215.14/", Err(UrlRefused::Scheme)),
        ("https://93.184.215.14:6379/", Err(UrlRefused::Port)),
        ("http://10.0.0.1/", Err(UrlRefused::Address)),
        ("https://[::1]/", Err(UrlRefused::Address)),
        ("https://[::ffff:127.0.0.1]/", Err(UrlRefused::Address)),
        ("https://[::127.0.0.1]/", Err(UrlRefused::Address)),
        ("https://[64:ff9b::7f00:1]/", Err(UrlRefused::Address)),
        ("https://[2002:7f00:1::]/", Err(UrlRefused::Address)),
        ("https://user@127.0.0.1/", Err(UrlRefused::Userinfo)),
        ("ftp://127.0.0.1/", Err(UrlRefused::Scheme)),
    ];
    for (url, expected) in cases {
        assert_eq!(policy.reach(&Url::parse(url).unwrap()), expected, "{url}");
    }
}

#[test]
fn an_embedding_address_is_open_only_where_it_is_covered_as_it_stands() {
    let mapped = Url::parse("https://[::ffff:127.0.0.1]/").unwrap();
    assert_eq!(opening(&["::ffff:0:0/96"]).reach(&mapped), Ok(Reach::Open));
}

#[test]
fn metadata_stays_closed_under_an_open_policy() {
    let policy = opening(&["0.0.0.0/0", "::/0"]);
    for host in [
        "169.254.169.254",
        "2852039166",
        "100.100.100.200",
        "168.63.129.16",
        "[fd00:ec2::254]",
        "[::ffff:169.254.169.254]",
        "[64:ff9b::a9fe:a9fe]",
        "[2002:a9fe:a9fe::1]",
    ] {
        let refused = policy.parse(&format!("http://{host}/latest/meta-data/"));
        assert_eq!(refused, Err(UrlRefused::Address), "{host}");
    }
    assert_eq!(
        policy.vet(Reach::Open, &answer(&["169.254.169.254"])),
        Err(AddressRefused::Forbidden)
    );
}

#[test]
fn one_bad_address_refuses_the_whole_answer_in_any_position() {
    let closed = Policy::default();
    let public = ["93.184.215.14", "2606:4700::1111"];
    assert_eq!(closed.vet(Reach::Open, &answer(&public)), Ok(()));
    for bad in [
        "127.0.0.1",
        "10.0.0.1",
        "::1",
        "::ffff:93.184.215.14",
        "fe80::1",
    ] {
        for mixed in [
            [bad, public[0], public[1]],
            [public[0], bad, public[1]],
            [public[0], public[1], bad],
        ] {
            let vetted = closed.vet(Reach::Open, &answer(&mixed));
            assert_eq!(vetted, Err(AddressRefused::Forbidden), "{mixed:?}");
        }
    }
}

#[test]
fn a_confined_call_reaches_allowed_addresses_alone() {
    let policy = opening(&["10.0.0.0/8"]);
    let cases = [
        (["10.0.0.1", "10.0.0.2"], Ok(())),
        (
            ["10.0.0.1", "93.184.215.14"],
            Err(AddressRefused::NotAllowed),
        ),
        (
            ["93.184.215.14", "10.0.0.1"],
            Err(AddressRefused::NotAllowed),
        ),
        (["10.0.0.1", "127.0.0.1"], Err(AddressRefused::Forbidden)),
    ];
    for (addresses, expected) in cases {
        assert_eq!(
            policy.vet(Reach::Confined, &answer(&addresses)),
            expected,
            "{addresses:?}"
        );
    }
    assert_eq!(
        policy.vet(Reach::Open, &answer(&["10.0.0.1", "93.184.215.14"])),
        Ok(())
    );
}
