/** What a scene can be exported as, as the gateway tells it. */
export type OptionSchema = {
  type?: string | string[];
  description?: string;
  default?: string | number | boolean | null;
  minimum?: number;
  maximum?: number;
  enum?: (string | number)[];
};
export type Format = {
  name: string;
  media_type: string;
  extension: string;
  kind: "splat" | "mesh" | "picture" | "video" | "page";
  title: string;
  description: string;
  options: { properties?: Record<string, OptionSchema> };
};
