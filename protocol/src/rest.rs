//! Bodies of the REST answers: `charge.do` and both `query.do`s.

use serde::{Deserialize, Deserializer, Serialize, Serializer, de, ser::SerializeMap};

use crate::{Code, EpochMs, Money, OrderId, Phone, ProdId, Reason};

/// An answer: code, message and, by the endpoint's custom, data.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reply<T> {
    /// How it went.
    pub code: Code,
    data: Data<T>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Data<T> {
    /// The key is not there: the gateway's query errors.
    Absent,
    /// `"data":null`: refusals everywhere else.
    Null,
    Value(T),
}

impl<T> Reply<T> {
    /// An answer with data.
    #[must_use]
    pub const fn with(code: Code, data: T) -> Self {
        Self { code, data: Data::Value(data) }
    }

    /// A refusal with `"data":null`.
    #[must_use]
    pub const fn refusal(code: Code) -> Self {
        Self { code, data: Data::Null }
    }

    /// A refusal without the key `data`.
    #[must_use]
    pub const fn bare(code: Code) -> Self {
        Self { code, data: Data::Absent }
    }

    /// The data, if any.
    #[must_use]
    pub const fn data(&self) -> Option<&T> {
        match &self.data {
            Data::Value(value) => Some(value),
            Data::Absent | Data::Null => None,
        }
    }
}

impl<T: Serialize> Serialize for Reply<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("code", self.code.as_str())?;
        map.serialize_entry("msg", self.code.message())?;
        match &self.data {
            Data::Absent => {}
            Data::Null => map.serialize_entry("data", &())?,
            Data::Value(value) => map.serialize_entry("data", value)?,
        }
        map.end()
    }
}

/// An answer as a client reads it: any code, and data where there is some.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct ReadReply<T> {
    /// The code, known to us or not.
    pub code: String,
    /// The message.
    #[serde(default)]
    pub msg: String,
    /// The data; absent and null are the same to a client.
    #[serde(default = "Option::default")]
    pub data: Option<T>,
}

/// `data` of an accepted (or unconfirmed) charge.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ChargeData {
    /// The order's id, a UUID with dashes.
    pub order_id: OrderId,
    /// The buyer's phone number, as sent.
    #[serde(rename = "userPhoneNo")]
    pub phone: Phone,
    /// The product's id.
    pub prod_id: ProdId,
    /// The product's price.
    pub charge_money: Money,
}

/// `data` of an answer to a charge.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum ChargeDetails {
    /// Of one that is accepted, or unconfirmed.
    Order(ChargeData),
    /// Of one that came before the sale opens.
    NotOpen(NotOpenData),
}

impl ChargeDetails {
    /// The order, of one that has it.
    #[must_use]
    pub const fn order(&self) -> Option<&ChargeData> {
        match self {
            Self::Order(order) => Some(order),
            Self::NotOpen(_) => None,
        }
    }
}

/// When a sale opens, for a page that counts down to it. Ours: the Java services have no such
/// answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct NotOpenData {
    /// When it opens.
    pub opens_at: EpochMs,
    /// Milliseconds until then.
    pub opens_in_ms: u64,
    /// The server's time, in milliseconds since 1970-01-01T00:00:00Z.
    pub server_time: i64,
}

impl NotOpenData {
    /// What is told at a moment before that of the opening.
    #[must_use]
    pub fn at(now: EpochMs, opens_at: EpochMs) -> Self {
        let opens_in_ms = u64::try_from(opens_at.0.saturating_sub(now.0)).unwrap_or(0);
        Self { opens_at, opens_in_ms, server_time: now.0 }
    }

    /// Whole seconds after which a charge isn't too early: `Retry-After`.
    #[must_use]
    pub const fn retry_after_s(&self) -> u64 {
        let seconds = self.opens_in_ms.div_ceil(1_000);
        if seconds == 0 { 1 } else { seconds }
    }
}

/// Where an order stands; a number on the wire.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum OrderStatus {
    /// 0
    Finished,
    /// 1: accepted, not yet decided.
    Queued,
    /// 2: placed, in progress.
    Placed,
    /// 3: decided against; `reason` tells why.
    Failed,
}

impl OrderStatus {
    /// The number on the wire and in `t_seckill_order.order_status`.
    #[must_use]
    pub const fn number(self) -> u8 {
        match self {
            Self::Finished => 0,
            Self::Queued => 1,
            Self::Placed => 2,
            Self::Failed => 3,
        }
    }

    /// The status of a number, `None` for one that the contract doesn't have.
    #[must_use]
    pub const fn from_number(number: u8) -> Option<Self> {
        match number {
            0 => Some(Self::Finished),
            1 => Some(Self::Queued),
            2 => Some(Self::Placed),
            3 => Some(Self::Failed),
            _ => None,
        }
    }
}

impl Serialize for OrderStatus {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_u8(self.number())
    }
}

impl<'de> Deserialize<'de> for OrderStatus {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let number = u8::deserialize(deserializer)?;
        Self::from_number(number)
            .ok_or_else(|| de::Error::custom(format!("orderStatus {number}; allowed: 0 to 3")))
    }
}

/// `data` of a found order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct QueryData {
    /// The order's id.
    pub order_id: OrderId,
    /// Where it stands.
    pub order_status: OrderStatus,
    /// The buyer.
    #[serde(rename = "userPhoneNo")]
    pub phone: Phone,
    /// The product's id.
    pub prod_id: ProdId,
    /// The product's name; empty when the product is unknown.
    pub prod_name: String,
    /// The amount; null when what the sender wrote is no amount.
    pub charge_money: Option<Money>,
    /// When the buyer asked.
    #[serde(rename = "chargeTime")]
    pub asked_at: EpochMs,
    /// When it was finished or failed.
    pub finish_time: Option<EpochMs>,
    /// Why it failed. Ours; absent otherwise.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<Reason>,
    /// How many further orders of this buyer for this product were set aside as duplicates. Ours;
    /// absent when none were.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub duplicates: u64,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands over a reference")]
const fn is_zero(count: &u64) -> bool {
    *count == 0
}

#[cfg(test)]
mod tests {
    use super::{ChargeData, ChargeDetails, NotOpenData, Reply};
    use crate::{Code, EpochMs, Money};

    #[test]
    fn data_is_there_null_or_absent_as_the_endpoint_has_it() -> Result<(), serde_json::Error> {
        let data = ChargeData {
            order_id: "09c85a0f-793f-41ae-924b-fca888302348".into(),
            phone: "15200008881".into(),
            prod_id: "pid_0001".into(),
            charge_money: Money::from_milli(5_999_000),
        };
        assert_eq!(
            serde_json::to_string(&Reply::with(Code::Queued, data))?,
            concat!(
                r#"{"code":"10000","msg":"秒杀订单排队中","data":{"orderId":"09c85a0f-793f-41ae-924b-fca888302348","#,
                r#""userPhoneNo":"15200008881","prodId":"pid_0001","chargeMoney":"5999.000"}}"#
            )
        );
        assert_eq!(
            serde_json::to_string(&Reply::<()>::refusal(Code::SoldOut))?,
            r#"{"code":"40006","msg":"秒杀商品库存不足","data":null}"#
        );
        assert_eq!(
            serde_json::to_string(&Reply::<()>::bare(Code::NeverOrdered))?,
            r#"{"code":"41004","msg":"秒杀订单不存在"}"#
        );
        Ok(())
    }

    #[test]
    fn a_page_can_count_down() -> Result<(), serde_json::Error> {
        let opens_at = EpochMs(1_796_990_400_000);
        let early = |ms| NotOpenData::at(EpochMs(opens_at.0 - ms), opens_at);
        assert_eq!(
            serde_json::to_string(&Reply::with(
                Code::NotOpen,
                ChargeDetails::NotOpen(early(1_500))
            ))?,
            concat!(
                r#"{"code":"42005","msg":"秒杀尚未开始","data":{"opensAt":"2026-12-11T12:00:00.000+0000","#,
                r#""opensInMs":1500,"serverTime":1796990398500}}"#
            )
        );
        for (ms, seconds) in [(1, 1), (1_000, 1), (1_001, 2), (60_000, 60)] {
            assert_eq!(early(ms).retry_after_s(), seconds, "{ms}");
        }
        Ok(())
    }
}
