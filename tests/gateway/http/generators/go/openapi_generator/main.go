// Sends a photo with the client that openapi-generator makes for Go, and reads the scene and an error.
package main

import (
	"context"
	"fmt"
	"os"

	sharpstream "clients/generated/openapi_generator"
)

func must(err error) {
	if err != nil {
		panic(err)
	}
}

func main() {
	configuration := sharpstream.NewConfiguration()
	configuration.Servers = sharpstream.ServerConfigurations{{URL: os.Getenv("URL")}}
	keys := map[string]sharpstream.APIKey{"api_key": {Key: os.Getenv("KEY")}}
	ctx := context.WithValue(context.Background(), sharpstream.ContextAPIKeys, keys)
	scenes := sharpstream.NewAPIClient(configuration).ScenesAPI

	photo, err := os.Open(os.Getenv("PHOTO"))
	must(err)
	sent, answer, err := scenes.GenerateScene(ctx).Image(photo).Metadata(`{"room": "hall"}`).FocalLengthMm(24).Execute()
	must(err)
	if answer.StatusCode != 202 {
		panic(answer.Status)
	}
	scene, _, err := scenes.GetScene(ctx, sent.GetGenerationId()).Execute()
	must(err)
	found, _, err := scenes.ListScenes(ctx).Limit(1).Execute()
	must(err)
	if found.GetItems()[0].GetId() != scene.GetId() || scene.GetStatus() == "" {
		panic("the list has another scene")
	}
	_, answer, err = scenes.GetScene(ctx, "00000000-0000-0000-0000-000000000001").Execute()
	if err == nil || answer.StatusCode != 404 {
		panic("a scene that is not there")
	}
	fmt.Println(sent.GetGenerationId())
}
