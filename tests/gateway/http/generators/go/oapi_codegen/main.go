// Sends a photo with the client that oapi-codegen makes, and reads the scene and an error.
package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"mime/multipart"
	"net/http"
	"os"

	"github.com/google/uuid"

	sharpstream "clients/generated/oapi_codegen"
)

func must(err error) {
	if err != nil {
		panic(err)
	}
}

func main() {
	key := func(_ context.Context, request *http.Request) error {
		request.Header.Set("X-API-Key", os.Getenv("KEY"))
		return nil
	}
	client, err := sharpstream.NewClientWithResponses(os.Getenv("URL"), sharpstream.WithRequestEditorFn(key))
	must(err)
	ctx := context.Background()

	photo, err := os.Open(os.Getenv("PHOTO"))
	must(err)
	var body bytes.Buffer
	form := multipart.NewWriter(&body)
	part, err := form.CreateFormFile("image", "kitchen.jpg")
	must(err)
	_, err = io.Copy(part, photo)
	must(err)
	must(form.WriteField("focal_length_mm", "24"))
	must(form.Close())
	sent, err := client.GenerateSceneWithBodyWithResponse(ctx, nil, form.FormDataContentType(), &body)
	must(err)
	if sent.JSON202 == nil {
		panic(sent.Status())
	}
	scene, err := client.GetSceneWithResponse(ctx, sent.JSON202.GenerationId, nil)
	must(err)
	if scene.JSON200.Id != sent.JSON202.GenerationId {
		panic("another scene")
	}
	missing, err := client.GetSceneWithResponse(ctx, uuid.UUID{15: 1}, nil)
	must(err)
	if missing.ApplicationproblemJSON404.Code != "not_found" {
		panic(missing.Status())
	}
	fmt.Println(sent.JSON202.GenerationId)
}
