import type { ReactNode } from "react";

import type { Options } from "../api/exports";
import type { OptionSchema } from "../api/formats";
import { Field, Select, Tick } from "../ui/Field";

type Props = { schemas: Record<string, OptionSchema>; values: Options; onChange: (values: Options) => void };

/** A field for each option that a format has; what is left empty is left to the service. */
export function ExportOptions({ schemas, values, onChange }: Props): ReactNode {
  const set = (name: string, value: string | number | boolean | undefined) => {
    const { [name]: _, ...rest } = values;
    onChange(value === undefined ? rest : { ...rest, [name]: value });
  };
  return (
    <div className="grid gap-4">
      {Object.entries(schemas).map(([name, schema]) => (
        <One
          key={name}
          label={words(name)}
          schema={schema}
          value={values[name]}
          onChange={(value) => set(name, value)}
        />
      ))}
    </div>
  );
}

type OneProps = {
  label: string;
  schema: OptionSchema;
  value: string | number | boolean | undefined;
  onChange: (value: string | number | boolean | undefined) => void;
};

function One({ label, schema, value, onChange }: OneProps): ReactNode {
  const hint = schema.description;
  if (schema.enum) {
    return (
      <Select
        label={label}
        hint={hint}
        value={String(value ?? "")}
        onChange={(event) => onChange(event.target.value || undefined)}
      >
        <option value="">
          {schema.default === null || schema.default === undefined ? "as it is" : `${schema.default} (default)`}
        </option>
        {schema.enum
          .filter((each) => each !== schema.default)
          .map((each) => (
            <option key={each}>{each}</option>
          ))}
      </Select>
    );
  }
  if (schema.type === "boolean") {
    return (
      <Tick
        label={label}
        checked={value === true || (value === undefined && schema.default === true)}
        onChange={(event) => onChange(event.target.checked)}
      />
    );
  }
  return (
    <Field
      label={label}
      hint={hint}
      type="number"
      inputMode="decimal"
      min={schema.minimum}
      max={schema.maximum}
      step={[schema.type].flat().includes("integer") ? 1 : "any"}
      placeholder={schema.default === null || schema.default === undefined ? "no limit" : String(schema.default)}
      value={value === undefined ? "" : String(value)}
      onChange={(event) => onChange(event.target.value === "" ? undefined : Number(event.target.value))}
    />
  );
}

const words = (name: string): string => {
  const text = name.replaceAll("_", " ");
  return text.charAt(0).toUpperCase() + text.slice(1);
};
