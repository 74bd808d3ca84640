/** A record's fields as text, whatever they hold; those that say nothing are left out unless asked for. */
export function Fields({ record }: { record: { readonly [field: string]: unknown } }) {
  const fields = Object.entries(record).filter(([, value]) => !isNothing(value));
  const empty = Object.keys(record).length - fields.length;
  return (
    <>
      <dl class="fields">
        {fields.map(([name, value]) => (
          <div key={name}>
            <dt>{name}</dt>
            <dd>{typeof value === "string" ? value : JSON.stringify(value)}</dd>
          </div>
        ))}
      </dl>
      {empty > 0 && <p class="sub">{empty} more fields are empty.</p>}
    </>
  );
}

function isNothing(value: unknown): boolean {
  return (
    value === null || value === "" || value === 0 || value === false || (Array.isArray(value) && value.length === 0)
  );
}
