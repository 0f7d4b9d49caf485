// Sends a command in each compression of the Java client and reads the events, as a partner.
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.Properties;
import java.util.TreeMap;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.serialization.StringDeserializer;
import org.apache.kafka.common.serialization.StringSerializer;

class Partner {
  static Properties kafka() {
    var kafka = new Properties();
    kafka.put("bootstrap.servers", System.getenv("BOOTSTRAP"));
    kafka.put("security.protocol", "SASL_PLAINTEXT");
    kafka.put("sasl.mechanism", "SCRAM-SHA-512");
    kafka.put("sasl.jaas.config", "org.apache.kafka.common.security.scram.ScramLoginModule required username=\""
        + System.getenv("USERNAME") + "\" password=\"" + System.getenv("PASSWORD") + "\";");
    return kafka;
  }

  public static void main(String[] arguments) throws Exception {
    var slug = System.getenv("SLUG");
    var codecs = List.of("none", "gzip", "snappy", "lz4", "zstd");
    for (var codec : codecs) {
      var settings = kafka();
      settings.put("compression.type", codec);
      try (var producer = new KafkaProducer<>(settings, new StringSerializer(), new StringSerializer())) {
        var command = new ProducerRecord<String, String>("partner." + slug + ".commands.v1", System.getenv("COMMAND"));
        Map.of("ce_specversion", "1.0", "ce_id", codec, "ce_type", "generation.generate.v1", "ce_source", "/java",
            "ce_subject", codec, "content-type", "application/json")
            .forEach((name, value) -> command.headers().add(name, value.getBytes(StandardCharsets.UTF_8)));
        producer.send(command).get();
      }
    }
    var settings = kafka();
    settings.put("group.id", "partner." + slug + ".java");
    settings.put("auto.offset.reset", "earliest");
    settings.put("isolation.level", "read_committed");
    var found = new TreeMap<String, String>();
    try (var consumer = new KafkaConsumer<>(settings, new StringDeserializer(), new StringDeserializer())) {
      consumer.subscribe(List.of("partner." + slug + ".events.v1"));
      var until = System.nanoTime() + Duration.ofMinutes(1).toNanos();
      while (found.size() < codecs.size() && System.nanoTime() < until)
        for (var event : consumer.poll(Duration.ofSeconds(1))) {
          var subject = new String(event.headers().lastHeader("ce_subject").value(), StandardCharsets.UTF_8);
          var type = event.value().replaceFirst("(?s).*?\"type\":\\s*\"([^\"]+)\".*", "$1");
          found.put(subject, type);
        }
      consumer.commitSync();
    }
    var pairs = found.entrySet().stream().map(each -> "\"" + each.getKey() + "\": \"" + each.getValue() + "\"");
    System.out.println("{" + String.join(", ", pairs.toList()) + "}");
  }
}
