// Sends a command in each compression of franz-go and reads the events, as a partner.
package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/sasl/scram"
)

func must(err error) {
	if err != nil {
		panic(err)
	}
}

func main() {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	slug := os.Getenv("SLUG")
	login := []kgo.Opt{
		kgo.SeedBrokers(os.Getenv("BOOTSTRAP")),
		kgo.SASL(scram.Auth{User: os.Getenv("USERNAME"), Pass: os.Getenv("PASSWORD")}.AsSha512Mechanism()),
	}
	codecs := []struct {
		name  string
		codec kgo.CompressionCodec
	}{
		{"none", kgo.NoCompression()}, {"gzip", kgo.GzipCompression()}, {"snappy", kgo.SnappyCompression()},
		{"lz4", kgo.Lz4Compression()}, {"zstd", kgo.ZstdCompression()},
	}
	for _, each := range codecs {
		client, err := kgo.NewClient(append(login, kgo.ProducerBatchCompression(each.codec))...)
		must(err)
		command := &kgo.Record{Topic: "partner." + slug + ".commands.v1", Value: []byte(os.Getenv("COMMAND"))}
		for name, value := range map[string]string{
			"ce_specversion": "1.0", "ce_id": each.name, "ce_type": "generation.generate.v1", "ce_source": "/go",
			"ce_subject": each.name, "content-type": "application/json",
		} {
			command.Headers = append(command.Headers, kgo.RecordHeader{Key: name, Value: []byte(value)})
		}
		must(client.ProduceSync(ctx, command).FirstErr())
		client.Close()
	}

	consumer, err := kgo.NewClient(append(login,
		kgo.ConsumeTopics("partner."+slug+".events.v1"), kgo.ConsumerGroup("partner."+slug+".go"),
		kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()), kgo.FetchIsolationLevel(kgo.ReadCommitted()))...)
	must(err)
	defer consumer.Close()
	found := map[string]string{}
	for len(found) < len(codecs) {
		fetched := consumer.PollFetches(ctx)
		must(fetched.Err())
		fetched.EachRecord(func(record *kgo.Record) {
			var event struct{ Type string }
			must(json.Unmarshal(record.Value, &event))
			for _, header := range record.Headers {
				if header.Key == "ce_subject" {
					found[string(header.Value)] = event.Type
				}
			}
		})
	}
	must(consumer.CommitUncommittedOffsets(ctx))
	must(json.NewEncoder(os.Stdout).Encode(found))
	fmt.Fprintln(os.Stderr, "done")
}
