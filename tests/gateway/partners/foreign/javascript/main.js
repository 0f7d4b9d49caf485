// Sends a command in each compression that KafkaJS has by default and reads the events, as a partner.
import { CompressionTypes, Kafka, logLevel } from "kafkajs";

const { BOOTSTRAP, USERNAME, PASSWORD, SLUG, COMMAND } = process.env;
const kafka = new Kafka({
  brokers: [BOOTSTRAP],
  sasl: { mechanism: "scram-sha-512", username: USERNAME, password: PASSWORD },
  logLevel: logLevel.ERROR,
});
const codecs = { none: CompressionTypes.None, gzip: CompressionTypes.GZIP };
const producer = kafka.producer({ idempotent: true });
await producer.connect();
for (const [name, compression] of Object.entries(codecs)) {
  await producer.send({
    topic: `partner.${SLUG}.commands.v1`,
    compression,
    messages: [
      {
        value: COMMAND,
        headers: {
          ce_specversion: "1.0",
          ce_id: name,
          ce_type: "generation.generate.v1",
          ce_source: "/javascript",
          ce_subject: name,
          "content-type": "application/json",
        },
      },
    ],
  });
}
await producer.disconnect();

const consumer = kafka.consumer({ groupId: `partner.${SLUG}.javascript`, readUncommitted: false });
await consumer.connect();
await consumer.subscribe({ topic: `partner.${SLUG}.events.v1`, fromBeginning: true });
const found = {};
await new Promise((resolve, reject) => {
  setTimeout(() => reject(new Error(`only ${JSON.stringify(found)}`)), 60_000).unref();
  consumer.run({
    eachMessage: async ({ message }) => {
      found[message.headers.ce_subject.toString()] = JSON.parse(message.value).type;
      if (Object.keys(found).length === Object.keys(codecs).length) resolve();
    },
  });
});
await consumer.disconnect();
console.log(JSON.stringify(found));
