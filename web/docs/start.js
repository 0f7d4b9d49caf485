// Starts the API's page. Its origin is opaque: every call goes to /docs/try/<token>, which answers it alone.
const place = document.getElementById("api");
const door = place.dataset.door;

window.SwaggerUIBundle({
  domNode: place,
  url: "/docs/openapi.json",
  layout: "BaseLayout",
  presets: [window.SwaggerUIBundle.presets.apis],
  deepLinking: false,
  defaultModelsExpandDepth: 0,
  docExpansion: "list",
  persistAuthorization: false,
  queryConfigEnabled: false,
  showMutatedRequest: false, // the commands to copy name the API's own address
  tryItOutEnabled: true,
  validatorUrl: null,
  requestInterceptor(request) {
    const { pathname, search } = new URL(request.url, location.href);
    request.url = `${location.origin}${door}${pathname}${search}`;
    return request;
  },
});
