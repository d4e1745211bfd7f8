//! A page of metrics, read by somebody else's program.

use std::collections::BTreeMap;

use serde_json::{Value, json};
use tokio::time::{Instant, interval};

use crate::harness::{Answer, PATIENCE};
use crate::process::{ask, python};

/// What a process measured, as `prometheus_client` understands it.
pub(crate) struct Page {
    pub(crate) text: String,
    /// By `name{label="value",…}`, the labels in order.
    samples: BTreeMap<String, f64>,
}

impl Page {
    pub(crate) async fn load(http: &reqwest::Client, url: &str) -> Self {
        let answer = Answer::of(http.get(url).send().await.unwrap()).await;
        assert_eq!(answer.status, 200, "{}", answer.text);
        let content_type = answer.header("content-type");
        assert_eq!(
            content_type,
            Some("application/openmetrics-text; version=1.0.0; charset=utf-8")
        );
        let read = ask(python("metrics.py"), &json!({"page": answer.text})).await;
        let read: Vec<(String, BTreeMap<String, String>, f64)> =
            serde_json::from_value(read).unwrap();
        let samples = read.into_iter().map(|(name, labels, value)| {
            let labels: Vec<_> = labels
                .iter()
                .map(|(label, value)| format!("{label}={value:?}"))
                .collect();
            let name = name.strip_prefix("shopgrant_").unwrap().to_owned();
            if labels.is_empty() {
                return (name, value);
            }
            (format!("{name}{{{}}}", labels.join(",")), value)
        });
        Self {
            samples: samples.collect(),
            text: answer.text,
        }
    }

    /// The first page of which `is_wanted` is true: backlogs are read once a second at most.
    pub(crate) async fn when(
        http: &reqwest::Client,
        url: &str,
        is_wanted: impl Fn(&Self) -> bool,
    ) -> Self {
        let give_up = Instant::now() + PATIENCE;
        let mut looks = interval(PATIENCE / 100);
        loop {
            looks.tick().await;
            let page = Self::load(http, url).await;
            if is_wanted(&page) {
                return page;
            }
            assert!(Instant::now() < give_up, "{}", page.text);
        }
    }

    /// The names of what is measured.
    pub(crate) fn families(&self) -> impl Iterator<Item = &str> {
        self.text.lines().filter_map(|line| {
            let (name, _) = line.strip_prefix("# TYPE ")?.split_once(' ')?;
            Some(name)
        })
    }

    /// The value of a sample, if it is on the page.
    pub(crate) fn value(&self, sample: &str) -> Option<f64> {
        self.samples.get(sample).copied()
    }

    /// By how much the samples of these families have grown since an earlier page.
    pub(crate) fn growth_since(
        &self,
        earlier: &Self,
        families: &[&str],
    ) -> BTreeMap<String, Value> {
        let grown = self.samples.iter().filter_map(|(sample, value)| {
            let family = sample.split('{').next().unwrap();
            let growth = value - earlier.value(sample).unwrap_or(0.0);
            let is_wanted = families.contains(&family) && growth != 0.0;
            is_wanted.then(|| (sample.clone(), json!(growth)))
        });
        grown.collect()
    }
}
