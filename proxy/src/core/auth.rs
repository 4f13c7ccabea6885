//! Who a connection is and how it speaks: HELLO, AUTH, SELECT, RESET, QUIT.

use super::session::{Cx, Session};
use kinring_common::command::CommandError;
use kinring_common::command::number::parse_i64;
use kinring_common::resp::{Frame, Protocol, ReplyBuf};
use std::sync::atomic::Ordering::Relaxed;

/// The Redis whose commands and replies these are; clients choose features by it.
pub const REDIS_VERSION: &str = "7.2.4";

impl Session {
    /// `AUTH [username] password`
    pub(super) fn auth(
        &mut self,
        cx: &Cx<'_>,
        words: &[&[u8]],
        out: &mut ReplyBuf,
    ) -> Result<(), CommandError> {
        let (user, password) = match words {
            [_, password] => (None, *password),
            [_, user, password] => (Some(*user), *password),
            _ => return Err(CommandError::Syntax),
        };
        if user.is_none() && !cx.node.settings.now().requirepass.is_set() {
            return Err(CommandError::NoPasswordSet);
        }
        self.log_in(cx, user.unwrap_or(b"default"), password)?;
        out.ok();
        Ok(())
    }

    fn log_in(&mut self, cx: &Cx<'_>, user: &[u8], password: &[u8]) -> Result<(), CommandError> {
        let config = cx.node.settings.now();
        let open = !config.requirepass.is_set();
        if user == b"default" && (open || config.requirepass.matches(password)) {
            self.authenticated = true;
            return Ok(());
        }
        cx.node.stats.denied_auths.fetch_add(1, Relaxed);
        Err(CommandError::WrongPass)
    }

    /// `HELLO [protover [AUTH username password] [SETNAME clientname]]`
    pub(super) fn hello(
        &mut self,
        cx: &Cx<'_>,
        words: &[&[u8]],
        out: &mut ReplyBuf,
    ) -> Result<(), CommandError> {
        let protocol = match words.get(1).map(|text| parse_i64(text)) {
            None => self.protocol,
            Some(None) => return Err(CommandError::ProtoNotInteger),
            Some(Some(2)) => Protocol::Resp2,
            Some(Some(3)) => Protocol::Resp3,
            Some(Some(_)) => return Err(CommandError::NoProto),
        };
        let (mut login, mut name, mut at) = (None, None, 2);
        while at < words.len() {
            let more = words.len() - at - 1;
            if words[at].eq_ignore_ascii_case(b"AUTH") && more >= 2 {
                login = Some((words[at + 1], words[at + 2]));
                at += 3;
            } else if words[at].eq_ignore_ascii_case(b"SETNAME") && more >= 1 {
                name = Some(super::client_commands::name_text(words[at + 1], "Client names")?);
                at += 2;
            } else {
                let word = String::from_utf8_lossy(words[at]);
                return Err(CommandError::Other(
                    format!("ERR Syntax error in HELLO option '{word}'").into(),
                ));
            }
        }
        if let Some((user, password)) = login {
            self.log_in(cx, user, password)?;
        }
        if !self.authenticated {
            return Err(CommandError::HelloNoAuth);
        }
        if let Some(name) = name {
            self.client.set(crate::clients::Named::Name, name);
        }
        self.set_protocol(protocol, out);
        out.frame(&Frame::Map(vec![
            (Frame::text("server"), Frame::text("redis")),
            (Frame::text("version"), Frame::text(REDIS_VERSION)),
            (Frame::text("proto"), Frame::Integer(if protocol == Protocol::Resp3 { 3 } else { 2 })),
            (Frame::text("id"), Frame::Integer(self.client.id as i64)),
            (Frame::text("mode"), Frame::text("standalone")),
            (Frame::text("role"), Frame::text("master")),
            (Frame::text("modules"), Frame::Array(Vec::new())),
        ]));
        Ok(())
    }

    fn set_protocol(&mut self, protocol: Protocol, out: &mut ReplyBuf) {
        self.protocol = protocol;
        out.set_protocol(protocol);
        let number = if protocol == Protocol::Resp3 { 3 } else { 2 };
        self.client.protocol.store(number, Relaxed);
    }

    /// `SELECT index`
    pub(super) fn select(
        &mut self,
        cx: &Cx<'_>,
        words: &[&[u8]],
        out: &mut ReplyBuf,
    ) -> Result<(), CommandError> {
        let index = parse_i64(words[1]).ok_or(CommandError::NotInteger)?;
        // Redis reads a C int here and says so.
        let index = i32::try_from(index).map_err(|_| {
            let range = "between -2147483648 and 2147483647";
            CommandError::Other(format!("ERR value is out of range, value must {range}").into())
        })?;
        let databases = i32::from(cx.node.shard.keyspace().options().databases);
        if !(0..databases).contains(&index) {
            return Err(CommandError::DbOutOfRange);
        }
        self.select_db(index as u8);
        out.ok();
        Ok(())
    }

    fn select_db(&mut self, db: u8) {
        self.db = db;
        self.client.db.store(db, Relaxed);
    }

    /// `RESET`: as a new connection.
    pub(super) fn reset(&mut self, cx: &Cx<'_>, out: &mut ReplyBuf) {
        self.take_queue();
        self.unwatch(cx);
        self.select_db(0);
        self.set_protocol(Protocol::Resp2, out);
        self.authenticated = !cx.node.settings.now().requirepass.is_set();
        (self.reply.off, self.reply.skip_next) = (false, false);
        self.touch = true;
        self.client.no_touch.store(false, Relaxed);
        self.client.no_evict.store(false, Relaxed);
        self.client.set(crate::clients::Named::Name, Vec::new());
        out.simple("RESET");
    }
}
