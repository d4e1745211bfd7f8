use secrecy::ExposeSecret;

use super::*;

fn from_environment(pairs: &[(&str, &str)]) -> Result<Settings, SettingsError> {
    let environment = pairs
        .iter()
        .map(|&(key, value)| (key.to_owned(), value.to_owned()))
        .collect();
    Settings::merge(None, Some(environment))
}

fn from_file(text: &str) -> Result<Settings, SettingsError> {
    Settings::merge(Some(text), Some(HashMap::new()))
}

fn checked(read: Result<Settings, SettingsError>) -> Result<Settings, SettingsError> {
    let settings = read?;
    settings.check()?;
    Ok(settings)
}

fn refused_key(outcome: Result<Settings, SettingsError>) -> String {
    match outcome {
        Err(SettingsError::Key { key, .. }) => key,
        other => panic!("{other:?}"),
    }
}

#[test]
fn the_defaults_are_complete_and_as_documented() {
    let settings = Settings::compiled_in().unwrap();
    assert_eq!(settings.listen.to_string(), "127.0.0.1:8080");
    assert_eq!(settings.public_url, None);
    assert_eq!(
        settings.database_url.expose_secret(),
        "sqlite://shopgrant.db"
    );
    assert!(settings.amqp_url.is_none() && settings.master_key_file.is_none());
    assert_eq!(settings.role, Role::All);
    assert_eq!(settings.egress.ports, [443, 8443]);
    assert!(settings.egress.allow.is_empty());
    assert_eq!(settings.authorization.uniqueness, Uniqueness::Broker);
    let schedule: Vec<u64> = settings
        .webhooks
        .retry_schedule_seconds
        .iter()
        .map(|wait| wait.get())
        .collect();
    let code: Vec<u64> = domain::delivery::RetrySchedule::default()
        .waits()
        .iter()
        .map(Duration::as_secs)
        .collect();
    assert_eq!(schedule, code);
}

#[test]
fn the_environment_overrides_the_file_and_the_file_the_defaults() {
    let file = "listen = \"127.0.0.1:1\"\n[log]\nformat = \"json\"\n";
    let environment = HashMap::from([("SHOPGRANT__LISTEN".to_owned(), "127.0.0.1:2".to_owned())]);
    let settings = Settings::merge(Some(file), Some(environment)).unwrap();
    assert_eq!(settings.listen.port(), 2);
    assert_eq!(settings.log.format, LogFormat::Json);
    assert_eq!(settings.webhooks.timeout_seconds.get(), 15);
}

#[test]
fn every_kind_of_value_can_come_from_the_environment() {
    let settings = from_environment(&[
        ("SHOPGRANT__EGRESS__ALLOW", "127.0.0.0/8, ::1/128"),
        ("SHOPGRANT__EGRESS__PORTS", "443"),
        ("SHOPGRANT__TRUSTED_PROXIES", ""),
        ("SHOPGRANT__WEBHOOKS__RETRY_SCHEDULE_SECONDS", "1,2"),
        ("SHOPGRANT__WEBHOOKS__TIMEOUT_SECONDS", "3"),
        ("SHOPGRANT__RATE_LIMIT__PER_ADDRESS__BURST", "500"),
        ("SHOPGRANT__MIGRATE_ON_START", "false"),
        ("SHOPGRANT__ROLE", "worker"),
        ("SHOPGRANT__AMQP_URL", ""),
        ("SHOPGRANT__TELEMETRY__SAMPLE_RATIO", "0.25"),
        ("SHOPGRANT__MASTER_KEY_FILE", "12"),
        // Neither of these is a setting.
        ("SHOPGRANT_CRASH_POINT", "claimed"),
        ("PATH", "/bin"),
    ])
    .unwrap();
    let allowed: Vec<String> = settings.egress.allow.iter().map(IpNet::to_string).collect();
    assert_eq!(allowed, ["127.0.0.0/8", "::1/128"]);
    assert_eq!(settings.egress.ports, [443]);
    assert!(settings.trusted_proxies.is_empty());
    assert_eq!(settings.webhooks.retry_schedule_seconds.len(), 2);
    assert_eq!(settings.webhooks.timeout_seconds.get(), 3);
    assert_eq!(settings.rate_limit.per_address.burst.get(), 500);
    assert_eq!(settings.rate_limit.per_address.per_second.get(), 100);
    assert!(!settings.migrate_on_start);
    assert_eq!(settings.role, Role::Worker);
    assert!(settings.amqp_url.is_none());
    assert!((settings.telemetry.sample_ratio - 0.25).abs() < f64::EPSILON);
    assert_eq!(settings.master_key_file, Some(PathBuf::from("12")));
}

#[test]
fn unknown_and_unreadable_keys_are_refused_by_name() {
    for (file, key) in [
        ("liste = \"127.0.0.1:1\"", "liste"),
        ("[egress]\nalow = []", "egress.alow"),
        (
            "[rate_limit.per_address]\nper_minute = 1",
            "rate_limit.per_address.per_minute",
        ),
        ("listen = \"here\"", "listen"),
        ("role = \"boss\"", "role"),
        (
            "[egress]\nallow = [\"10.0.0.0/8\", \"there\"]",
            "egress.allow[1]",
        ),
        (
            "[webhooks]\nretry_schedule_seconds = [0]",
            "webhooks.retry_schedule_seconds[0]",
        ),
    ] {
        assert_eq!(refused_key(from_file(file)), key, "{file}");
    }
    let outcome = from_environment(&[("SHOPGRANT__EGRESS__ALOW", "x")]);
    assert_eq!(refused_key(outcome), "egress.alow");
    let outcome = from_environment(&[("SHOPGRANT__EGRESS__PORTS", "443,https")]);
    assert_eq!(refused_key(outcome), "egress.ports");
}

#[test]
fn contradictions_are_refused_by_the_key_to_change() {
    for (file, key) in [
        ("listen = \"0.0.0.0:8080\"", "public_url"),
        ("public_url = \"https://auth.example/?x=1\"", "public_url"),
        ("public_url = \"ftp://auth.example\"", "public_url"),
        ("amqp_ca_file = \"ca.pem\"", "amqp_ca_file"),
        (
            "amqp_url = \"amqp://h\"\namqp_ca_file = \"ca.pem\"",
            "amqp_ca_file",
        ),
        (
            "[telemetry]\notlp_endpoint = \"http://u:p@h\"",
            "telemetry.otlp_endpoint",
        ),
        ("[telemetry]\nsample_ratio = 1.5", "telemetry.sample_ratio"),
        ("[egress]\nports = [0]", "egress.ports"),
        (
            "[rate_limit.per_address]\nburst = 99",
            "rate_limit.per_address",
        ),
        ("[webhooks]\nretention_days = 3", "webhooks.retention_days"),
    ] {
        assert_eq!(refused_key(checked(from_file(file))), key, "{file}");
    }
    let worker = checked(from_file("listen = \"0.0.0.0:8080\"\nrole = \"worker\"")).unwrap();
    assert!(!worker.role.serves_http());
}

#[test]
fn a_broken_file_is_told_by_line_without_its_text() {
    let text = "listen = \"127.0.0.1:1\"\ndatabase_url = \"postgres://u:geheim@h/d\n";
    let error = check_syntax(Path::new("a.toml"), text).unwrap_err();
    let shown = error.to_string();
    assert!(shown.starts_with("a.toml, line 2: "), "{shown}");
    assert!(!shown.contains("geheim"), "{shown}");
}

#[test]
fn no_secret_is_printed() {
    let settings = from_environment(&[
        ("SHOPGRANT__DATABASE_URL", "postgres://u:geheim@h/d"),
        ("SHOPGRANT__AMQP_URL", "amqp://u:geheim@h"),
    ])
    .unwrap();
    assert!(!format!("{settings:?}").contains("geheim"));
}

#[test]
fn a_url_in_a_file_takes_the_place_of_the_default() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("database.url");
    fs::write(&file, "postgres://u:geheim@h/d\n").unwrap();
    let path = file.to_str().unwrap();
    let mut settings = from_environment(&[
        ("SHOPGRANT__DATABASE_URL_FILE", path),
        // An empty text takes back what another layer set.
        ("SHOPGRANT__DATABASE_URL", ""),
    ])
    .unwrap();
    assert_eq!(settings.database_key(), "database_url_file");
    settings.read_secret_files().unwrap();
    let url = settings.database_url.expose_secret();
    assert_eq!(url, "postgres://u:geheim@h/d");
    assert!(!format!("{settings:?}").contains("geheim"));

    let settings = Settings::compiled_in().unwrap();
    assert_eq!(settings.database_key(), "database_url");
    assert_eq!(settings.amqp_key(), "amqp_url");
}

#[test]
fn a_url_and_a_file_with_it_contradict_each_other() {
    for key in ["database_url", "amqp_url"] {
        let both = format!("{key} = \"x\"\n{key}_file = \"y\"\n");
        assert_eq!(refused_key(from_file(&both)), format!("{key}_file"));
        // The layers may differ.
        let file = format!("{key}_file = \"y\"\n");
        let name = format!("SHOPGRANT__{}", key.to_uppercase());
        let environment = HashMap::from([(name, "x".to_owned())]);
        let outcome = Settings::merge(Some(&file), Some(environment));
        assert_eq!(refused_key(outcome), format!("{key}_file"));
    }
}

#[test]
fn a_freshness_is_a_known_platform_s_and_shorter_than_launches_are_remembered() {
    let settings = checked(from_file("[freshness_seconds]\ncafe24 = 300\n")).unwrap();
    let chosen = [(Platform::Cafe24, Duration::from_mins(5))];
    assert_eq!(settings.freshness(), chosen);
    let chosen = from_environment(&[("SHOPGRANT__FRESHNESS_SECONDS__SHOPLINE_EU", "60")]);
    let chosen = checked(chosen).unwrap().freshness();
    assert_eq!(chosen, [(Platform::ShoplineEu, Duration::from_mins(1))]);
    for (text, key) in [
        ("ebay = 300", "freshness_seconds.ebay"),
        ("CAFE24 = 300", "freshness_seconds.CAFE24"),
        ("cafe24 = 21601", "freshness_seconds.cafe24"),
        ("cafe24 = 0", "freshness_seconds.cafe24"),
    ] {
        let read = checked(from_file(&format!("[freshness_seconds]\n{text}\n")));
        assert_eq!(refused_key(read), key, "{text}");
    }
}
