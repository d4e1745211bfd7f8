//! People of a mall who open the app, and what the mall tells.

use sandbox::{MallOperator, Topic};

use super::Play;
use crate::harness::CAFE24;
use crate::process::PUBLIC_URL;

const EVENT_KEY: &str = "the key that stands beside events";

impl Play<'_> {
    /// Who it is is shown to that person alone, and stands nowhere else.
    pub(super) async fn open_the_app_in_a_mall(&mut self) {
        self.configure_the_key().await;
        let (id, name) = (
            "operator-of-the-watched-mall",
            "Operatrix Of The Watched Mall",
        );
        self.watch.keep("the id of a person", id);
        self.watch.keep("the name of a person", name);
        let sandbox = &self.installation.sandbox;
        let mall = "watchedmall".parse().unwrap();
        let app_url = format!("{PUBLIC_URL}{}", CAFE24.launch_path());
        for user_type in ["P", "A", "S"] {
            let operator = MallOperator {
                user_type: Some(user_type.to_owned()),
                user_id: Some(id.to_owned()),
                user_name: Some(name.to_owned()),
                ..MallOperator::default()
            };
            let launch = sandbox.launch_by(&operator, &mall, Some(CAFE24.client_id), &app_url);
            let launch = launch.unwrap();
            let shown = self.installation.seller.open(self.serve, &launch).await;
            assert_eq!(shown.status, 200, "{}", shown.text);
            assert!(shown.text.contains(name));
            let forged = launch.replace("user_name=", "user_name=x");
            let shown = self.installation.seller.open(self.serve, &forged).await;
            assert_eq!(shown.status, 400);
            self.watch.hear(&shown);
        }

        sandbox.set_event_key(CAFE24.client_id, EVENT_KEY.into());
        let event = sandbox.event(
            CAFE24.dialect,
            &mall,
            Some(CAFE24.client_id),
            Topic::Uninstalled,
        );
        let event = event.unwrap();
        for (name, status) in [("x-api-key", 200), ("x-api-kez", 401)] {
            let http = &self.installation.seller.http;
            let told = http
                .post(self.serve.url(&CAFE24.events_path()))
                .header(name, EVENT_KEY)
                .body(event.body.clone());
            assert_eq!(told.send().await.unwrap().status(), status);
        }
    }

    async fn configure_the_key(&mut self) {
        self.watch.keep("the key beside events", EVENT_KEY);
        let directory = self.installation.settings.directory.clone();
        let write = |name: &str, text: &str| std::fs::write(directory.join(name), text).unwrap();
        write("cafe24.secret", CAFE24.secret);
        write("cafe24.key", EVENT_KEY);
        let arguments = [
            "platform",
            "configure",
            CAFE24.code,
            "--client-id",
            CAFE24.client_id,
            "--client-secret-file",
            "cafe24.secret",
            "--event-key-file",
            "cafe24.key",
            "--scopes",
            CAFE24.two_scopes(),
            "--host",
            &CAFE24.host(self.installation.platforms),
            "--json",
        ];
        self.installation.settings.json(&arguments).await;
    }
}
