/** A title at the right, above numbers. */
export interface NumberTitle {
  number: string;
}

/** The titles of a table. */
export function Columns({ titles }: { titles: readonly (string | NumberTitle)[] }) {
  return (
    <thead>
      <tr>
        {titles.map((title) =>
          typeof title === "string" ? (
            <th key={title} scope="col">
              {title}
            </th>
          ) : (
            <th key={title.number} scope="col" class="number">
              {title.number}
            </th>
          ),
        )}
      </tr>
    </thead>
  );
}
